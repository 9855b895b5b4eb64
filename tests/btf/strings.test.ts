import { expect, test } from 'vitest';
import { parseBtf } from '../../src/btf/index.ts';
import { BtfBuilder } from './build.ts';

test.each([
  ['___', ['a___b', 'x______y', '___']],
  ['_b', ['a___b', 'a_b']],
  ['a', ['a___b', 'a_b', 'aaa']],
  ['aaa', ['aaa']],
  ['nowhere', []],
])('strings with %s in them are found, each once', (part, found) => {
  const types = new BtfBuilder();
  for (const name of ['a___b', 'a_b', 'x______y', '___', 'aaa']) types.string(name);
  types.int('int', 4, 1);
  expect(parseBtf(types.bytes()).stringsWith(part)).toEqual(found);
});
