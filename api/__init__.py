"""The gateway: HTTP, WebSocket and SSE in front of the ports; it never runs model or media code."""
