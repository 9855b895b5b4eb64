import { readFileSync } from 'node:fs';

const page = readFileSync(new URL('../../../docs/bpf-in-typescript.md', import.meta.url), 'utf8');

/** The programs of the page. */
export const documented = [...page.matchAll(/```ts\n([\s\S]*?)```/g)].map((match, i) => ({
  index: i + 1,
  source: match[1]!,
}));
