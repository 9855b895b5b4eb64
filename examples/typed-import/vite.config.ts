import beeyard from 'beeyard/vite';
import { defineConfig } from 'vitest/config';

export default defineConfig({ plugins: [beeyard()], test: { include: ['*.test.ts'] } });
