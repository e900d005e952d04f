// How the page is built (`npm run build` → dist/, which the `sawt` binary embeds) and served while
// it is being worked on. It loads nothing from outside: no CDN, no web font, no inline script.
import { defineConfig } from 'vite';

// A running `sawt dev` answers /api for `npx vite` and `vite preview`.
const api = { '/api': 'http://127.0.0.1:8080' };

export default defineConfig({
  base: '/', // absolute, because the page also lives at /callcenter/call-with-audio
  build: {
    target: 'es2022',
    sourcemap: false,
    modulePreload: { polyfill: false }, // one script; the polyfill would only add bytes
    assetsInlineLimit: 0, // a data: URL would break `default-src 'self'`
    chunkSizeWarningLimit: 800, // livekit-client is most of the bundle and is needed at once
  },
  server: { proxy: api },
  preview: { proxy: api },
  test: { include: ['test/**/*.test.ts'] },
} as Parameters<typeof defineConfig>[0]);
