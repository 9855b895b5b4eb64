import { defineConfig } from 'vitest/config';

/** Tests against other people's tools (`npm run test:kernel`): tests/…/*.tools.test.ts. */
export default defineConfig({
  test: {
    include: ['tests/**/*.tools.test.ts'],
    // Nothing may be loaded into the kernel of this computer.
    env: { BEEYARD_LINUX: 'off' },
    pool: 'forks',
    maxWorkers: 2,
    testTimeout: 300_000,
    hookTimeout: 300_000,
  },
});
