import beeyard from 'beeyard/vite';
import { defineConfig } from 'vitest/config';

export default defineConfig({
  plugins: [beeyard()],
  test: {
    include: ['*.test.ts'],
    // Here the package is this repository; in node_modules it is external by itself.
    server: { deps: { external: [/\/dist\//] } },
  },
});
