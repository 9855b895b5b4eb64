import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['tests/**/*.test.ts'],
    exclude: ['tests/**/*.tools.test.ts'],
    // Files run side by side; each file is one process of its own, so a trap in one cannot hide another.
    pool: 'forks',
    maxWorkers: 2,
    // Nothing may be loaded into the kernel of this computer.
    env: { BEEYARD_LINUX: 'off' },
    testTimeout: 20_000,
    hookTimeout: 60_000,
  },
});
