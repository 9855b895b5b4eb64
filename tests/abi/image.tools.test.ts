/** The facts taken from Debian's kernel image are what the image says today. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import {
  findImage,
  imageOf,
  OTHER_RELEASES,
  readImage,
  readOlder,
} from '../../scripts/abi/image.mjs';
import { kernelData } from '../../scripts/abi/kernel-data.mjs';
import {
  OUTPUT,
  findTree,
  generateFromImage,
  generateOlder,
  releaseFacts,
} from '../../scripts/generate-abi.mjs';

describe('facts of the kernel image', () => {
  const folder = findImage();

  it('come from a package that can be had', () => {
    expect(folder, 'apt-get update, or set BEEYARD_KERNEL_IMAGE').toBeDefined();
  });

  it('equal what the generator makes of it', () => {
    const image = readImage(folder!);
    for (const [name, bytes] of Object.entries(kernelData(image))) {
      const committed = gunzipSync(readFileSync(join(OUTPUT, `${name}.gz`)));
      expect(committed.equals(bytes), `${name}.gz has drifted`).toBe(true);
    }
    const files = generateFromImage(findTree(process.env.BEEYARD_LINUX_TREE)!, image);
    for (const [name, text] of Object.entries(files)) {
      expect(readFileSync(join(OUTPUT, name), 'utf8') === text, `${name} has drifted`).toBe(true);
    }
  });

  it.each(Object.entries(OTHER_RELEASES))('of %s are its image, too', (version, { release }) => {
    const other = imageOf(release);
    expect(other, 'apt-get update').toBeDefined();
    const out = join(OUTPUT, '..', version);
    for (const [name, bytes] of Object.entries(kernelData(readOlder(other!, release)))) {
      const committed = gunzipSync(readFileSync(join(out, `${name}.gz`)));
      expect(committed.equals(bytes), `${version}/${name}.gz has drifted`).toBe(true);
    }
    expect(readFileSync(join(out, 'release.ts'), 'utf8')).toBe(releaseFacts(version));
    const tree = findTree(process.env.BEEYARD_LINUX_TREE)!;
    const older = findTree(undefined, version);
    expect(older, `apt-get install linux-source-${version}`).toBeDefined();
    const tables = generateOlder(older!, tree, readOlder(other!, release));
    const same = readFileSync(join(out, 'tables.ts'), 'utf8') === tables;
    expect(same, `${version}/tables.ts has drifted`).toBe(true);
  });
});
