import { defineConfig } from "vite";

export default defineConfig({
  base: "/",
  build: {
    outDir: "dist",
    target: "es2022",
    assetsInlineLimit: 0, // a data: address would need a looser policy than the page has
    modulePreload: { polyfill: false },
    chunkSizeWarningLimit: 2000,
  },
});
