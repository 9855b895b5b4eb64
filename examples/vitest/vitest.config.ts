import beeyard from 'beeyard/vite';
import { defineConfig } from 'vitest/config';

export default defineConfig({
  plugins: [beeyard()],
  test: {
    include: ['**/*.test.ts'],
    // BPF programs are in the report beside JavaScript: `npx vitest run --coverage`.
    coverage: {
      provider: 'istanbul',
      include: ['**/*.bpf.c', '**/*.ts'],
      reporter: ['text', 'html'],
    },
  },
});
