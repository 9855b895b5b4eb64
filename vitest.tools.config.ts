import { defineConfig } from 'vitest/config';

/** Tests against other people's tools (`npm run test:kernel`): tests/…/*.tools.test.ts. */
export default defineConfig({
  test: {
    include: ['tests/**/*.tools.test.ts'],
    pool: 'forks',
    maxWorkers: 2,
    testTimeout: 300_000,
    hookTimeout: 300_000,
  },
});
