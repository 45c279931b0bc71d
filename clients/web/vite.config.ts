import { defineConfig, type Plugin } from "vite";

/** Every browser that the page runs in reads woff2: the same fonts in two older forms stay out. */
const woff2Only: Plugin = {
  name: "woff2-only",
  enforce: "pre",
  transform: (code, id) => (/katex\.css/.test(id) ? code.replaceAll(/, ?url\([^)]*\.(?:woff|ttf)\) format\("[a-z]+"\)/g, "") : null),
};

export default defineConfig({
  base: "/",
  plugins: [woff2Only],
  build: {
    outDir: "dist",
    target: "es2022",
    assetsInlineLimit: 0, // a data: address would need a looser policy than the page has
    modulePreload: { polyfill: false },
    chunkSizeWarningLimit: 2000,
  },
});
