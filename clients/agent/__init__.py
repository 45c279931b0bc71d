"""What an AI agent holds: code mode, the tools of the MCP server, and the skill that teaches them.

`operations` are what an agent may want, as data; `planner` turns them into one batch for the document, purely, on a
fork; `checking` says what a batch would break; `views` read. `code_mode` is the context that puts them together and
`report` what came of it. `mcp_tools` and `mcp_server` offer the same to MCP clients. Nothing here knows the hub.
"""
