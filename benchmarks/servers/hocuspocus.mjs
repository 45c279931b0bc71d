// Hocuspocus, to compare with. Run with the folder of its node_modules as the first argument.
import { createRequire } from "node:module";
import { pathToFileURL } from "node:url";

const require = createRequire(pathToFileURL(`${process.argv[2]}/package.json`));
const { Server } = require("@hocuspocus/server");

const server = new Server({ address: "127.0.0.1", port: 0, quiet: true });
await server.listen();
console.log(JSON.stringify({ port: server.address.port }));
process.stdin.on("end", () => process.exit(0)).resume();
