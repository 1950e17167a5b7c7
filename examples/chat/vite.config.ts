import { defineConfig } from 'vite'

const SERVER = 'http://127.0.0.1:8080'

export default defineConfig({
  // Relative addresses: the built page works under any path.
  base: './',
  oxc: { jsx: { runtime: 'automatic', importSource: 'preact' } },
  build: {
    target: 'es2022',
    modulePreload: false,
    assetsInlineLimit: 0,
    reportCompressedSize: true,
  },
  server: {
    port: 5173,
    strictPort: true,
    // The development profile of the server takes only its own Host and Origin.
    proxy: { '/ws': { target: SERVER, ws: true, changeOrigin: true, rewriteWsOrigin: true } },
  },
})
