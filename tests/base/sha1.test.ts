import { createHash } from 'node:crypto';
import { expect, test } from 'vitest';
import { sha1 } from '../../src/base/index.ts';

test('SHA-1 of every length around a block is what OpenSSL says', () => {
  for (let length = 0; length <= 200; length++) {
    const bytes = Uint8Array.from({ length }, (_, i) => (i * 37 + length) & 255);
    const expected = createHash('sha1').update(bytes).digest('hex');
    expect(Buffer.from(sha1(bytes)).toString('hex'), `${length} bytes`).toBe(expected);
  }
});
