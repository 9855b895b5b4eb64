import { join } from 'node:path';
import { defineConfig } from 'vitest/config';

const root = import.meta.dirname;
const INDEX = join(root, 'src/index.ts');
const TARGET = join(root, 'tests/linux/target.ts');

/**
 * The client's own tests on the kernel they run on, inside a machine (tests/linux/client.tools.test.ts
 * starts it): what they import as `createMachine` opens Linux. Never on a kernel that matters.
 */
export default defineConfig({
  plugins: [
    {
      name: 'linux-target',
      enforce: 'pre',
      async resolveId(source, importer) {
        if (!importer?.endsWith('.test.ts')) return undefined;
        const found = await this.resolve(source, importer, { skipSelf: true });
        return found?.id === INDEX ? TARGET : undefined;
      },
    },
  ],
  test: {
    include: ['tests/client/*.test.ts'],
    setupFiles: ['tests/linux/setup.ts'],
    pool: 'forks',
    maxWorkers: 1,
    isolate: false,
    fileParallelism: false,
    testTimeout: 60_000,
    hookTimeout: 60_000,
  },
});
