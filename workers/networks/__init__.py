"""What a network wants to see and what it says: pictures prepared, outputs read. Numpy, and OpenCV where it is."""
