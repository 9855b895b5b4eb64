import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vite';
import { entries } from './entries.mjs';

const here = (path) => fileURLToPath(new URL(path, import.meta.url));

export default defineConfig({
  root: here('.'),
  // Relative: the app stands under a token, or in any folder of any server.
  base: './',
  logLevel: 'warn',
  resolve: { alias: entries.map(([find, replacement]) => ({ find, replacement })) },
  worker: { format: 'es' },
  build: {
    outDir: here('../dist/studio'),
    emptyOutDir: true,
    target: 'es2022',
    modulePreload: { polyfill: false },
    // The kernels' types are large and loaded when a program is opened.
    chunkSizeWarningLimit: 20_000,
    reportCompressedSize: false,
  },
});
