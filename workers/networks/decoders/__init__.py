"""From a model's output tensors to boxes, labels, texts. Pure numpy."""
