"""What an AI agent holds: code mode, the tools of the MCP server, and the skill that teaches them.

`operations` are what an agent may want, as data; `planner` turns them into one batch for the document, purely, on a
draft; `checking` says what a batch would break; `views` read, by what `sight` lets them see. `code_mode` is the context
that puts them together and `report` what came of it. `mcp_tools` and `mcp_server` offer the same to MCP clients, with
`mcp_answers` and `mcp_running`. Nothing here knows the hub.
"""
