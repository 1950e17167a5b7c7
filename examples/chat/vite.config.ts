import { defineConfig, type Plugin } from 'vite'

const SERVER = 'http://127.0.0.1:8080'

/** While developing, styles come as elements that scripts make; the built page has none of those and forbids them. */
const developmentPolicy: Plugin = {
  name: 'development-policy',
  apply: 'serve',
  transformIndexHtml: (html) => html.replace("style-src 'self'", "style-src 'self' 'unsafe-inline'"),
}

export default defineConfig({
  // Relative addresses: the built page works under any path.
  base: './',
  plugins: [developmentPolicy],
  build: { target: 'es2023', modulePreload: false, assetsInlineLimit: 0 },
  server: {
    port: 5173,
    strictPort: true,
    proxy: { '/ws': { target: SERVER, ws: true } },
  },
})
