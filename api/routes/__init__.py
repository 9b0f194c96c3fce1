"""What the gateway answers: HTTP, SSE and WebSocket in front of the services."""
