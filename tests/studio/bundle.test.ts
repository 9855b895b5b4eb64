import { deflateRawSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import {
  type Bundle,
  BundleError,
  isShareHash,
  packBundle,
  shareBytes,
  shareHash,
  unpackBundle,
} from '../../studio/src/model/bundle.ts';

const BUNDLE: Bundle = {
  hash: '#/run/x.bpf.o/p?t=12&pane=maps',
  files: [
    { name: 'x.bpf.o', bytes: Uint8Array.from({ length: 900 }, (_, i) => i * 7) },
    { name: 'größe 2.bpf.c', bytes: new TextEncoder().encode('int x;\n') },
  ],
  packet: Uint8Array.of(1, 2, 3),
  playsBefore: false,
};

/** The same numbers each time: a failure can be had again. */
function numbers(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}

/** A bundle whose header is this, deflated as it should be. */
function withHeader(header: unknown, contents = new Uint8Array()): Uint8Array {
  const text = typeof header === 'string' ? header : JSON.stringify(header);
  const bytes = Buffer.from(text);
  const length = Buffer.alloc(4);
  length.writeUInt32LE(bytes.length);
  const packed = deflateRawSync(Buffer.concat([length, bytes, contents]));
  return Buffer.concat([Buffer.from('beeyard1'), packed]);
}

describe('a shared view', () => {
  it('comes back as it was, as a file and as a link', async () => {
    const bytes = await packBundle(BUNDLE);
    expect(await unpackBundle(bytes)).toEqual(BUNDLE);
    const hash = shareHash(bytes)!;
    expect(isShareHash(hash)).toBe(true);
    expect(hash).toMatch(/^#\/share\/[\w-]+$/);
    expect(await unpackBundle(shareBytes(hash))).toEqual(BUNDLE);
    const bare = { hash: '#/', files: [], packet: undefined, playsBefore: true };
    expect(await unpackBundle(await packBundle(bare))).toEqual(bare);
  });

  it('carries what was edited besides the file that it was compiled from', async () => {
    const drafts = [{ name: 'größe 2.bpf.c', bytes: new TextEncoder().encode('int y;\n') }];
    const bundle = { ...BUNDLE, drafts };
    expect(await unpackBundle(await packBundle(bundle))).toEqual(bundle);
    const twice = { hash: '#/', files: [], drafts: [file, file] };
    await expect(unpackBundle(withHeader(twice))).rejects.toThrow(/a file twice/);
    const path = { hash: '#/', files: [], drafts: [{ name: '../x', size: 0 }] };
    await expect(unpackBundle(withHeader(path))).rejects.toThrow(/a name that is none/);
  });

  it('is no link when it is long', () => {
    expect(shareHash(new Uint8Array(40_000))).toBeUndefined();
  });

  const file = { name: 'x', size: 0 };
  const hostile: readonly (readonly [string, unknown, RegExp])[] = [
    ['no JSON', '{', /header cannot be read/],
    ['a list', [], /no header/],
    ['no place', { files: [] }, /what to show/],
    ['a place that is a script', { hash: 'javascript:alert(1)', files: [] }, /what to show/],
    ['a place that is a share', { hash: '#/share/AA', files: [] }, /what to show/],
    ['a long place', { hash: `#/${'x'.repeat(9000)}`, files: [] }, /what to show/],
    ['no files', { hash: '#/' }, /at most 64 files/],
    [
      'many files',
      { hash: '#/', files: Array.from({ length: 65 }, () => file) },
      /at most 64 files/,
    ],
    ['a file twice', { hash: '#/', files: [file, file] }, /twice/],
    ['a path', { hash: '#/', files: [{ name: '../x', size: 0 }] }, /name that is none/],
    ['a folder', { hash: '#/', files: [{ name: '..', size: 0 }] }, /name that is none/],
    ['an unseen letter', { hash: '#/', files: [{ name: 'a\u202eb', size: 0 }] }, /none/],
    ['a negative size', { hash: '#/', files: [{ name: 'x', size: -1 }] }, /size is no number/],
    ['a huge size', { hash: '#/', files: [{ name: 'x', size: 1e300 }] }, /size is no number/],
    ['sizes that do not fit', { hash: '#/', files: [{ name: 'x', size: 9 }] }, /0 bytes.*not 9/],
    ['a packet that is none', { hash: '#/', files: [], packet: 'x' }, /size is no number/],
    ['prototypes', '{"__proto__":{"hash":"#/"},"files":[]}', /what to show/],
  ];
  it.each(hostile)('is refused: %s', async (_, header, message) => {
    await expect(unpackBundle(withHeader(header))).rejects.toThrow(BundleError);
    await expect(unpackBundle(withHeader(header))).rejects.toThrow(message);
  });

  it('is refused when it would fill memory', async () => {
    const bomb = deflateRawSync(Buffer.alloc(65 << 20));
    const bytes = Buffer.concat([Buffer.from('beeyard1'), bomb]);
    expect(bytes.length).toBeLessThan(100_000);
    await expect(unpackBundle(bytes)).rejects.toThrow(/at most 64 MB/);
  });

  it('of any bytes is a view or an error in words, never anything else', async () => {
    const random = numbers(1);
    const whole = await packBundle(BUNDLE);
    const refused: string[] = [];
    for (let i = 0; i < 1500; i++) {
      const bytes = whole.slice(0, i % 3 === 0 ? random(whole.length) : whole.length);
      for (let n = random(4) + 1; n > 0 && bytes.length > 0; n--) {
        bytes[random(bytes.length)] = random(256);
      }
      try {
        const { hash, files } = await unpackBundle(bytes);
        expect(hash.startsWith('#/')).toBe(true);
        expect(files.every(({ name }) => !/[/\\]/.test(name))).toBe(true);
      } catch (error) {
        expect(error).toBeInstanceOf(BundleError);
        refused.push((error as Error).message);
      }
    }
    expect(refused.length).toBeGreaterThan(1000);
  });

  it('of any header is a view or an error in words', async () => {
    const random = numbers(2);
    const text = JSON.stringify({ hash: '#/', files: [{ name: 'x', size: 1 }], playsBefore: true });
    for (let i = 0; i < 1500; i++) {
      const letters = [...text];
      for (let n = random(3) + 1; n > 0; n--) {
        letters[random(letters.length)] = String.fromCharCode(32 + random(95));
      }
      const bytes = withHeader(letters.join(''), Uint8Array.of(7));
      const result = await unpackBundle(bytes).catch((error: unknown) => error);
      if (result instanceof Error) expect(result).toBeInstanceOf(BundleError);
      else expect(result).toMatchObject({ files: [{ bytes: Uint8Array.of(7) }] });
    }
  });

  it('of any letters behind #/share/ is one or none', () => {
    expect(() => shareBytes('#/share/%%%')).toThrow(BundleError);
    expect(() => shareBytes('#/share/A')).toThrow(BundleError);
    expect(isShareHash('#/code/x/y')).toBe(false);
  });
});
