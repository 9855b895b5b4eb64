/** The facts taken from Debian's kernel image are what the image says today. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { findImage, readImage } from '../../scripts/abi/image.mjs';
import { kernelData } from '../../scripts/abi/kernel-data.mjs';
import { OUTPUT, findTree, generateFromImage } from '../../scripts/generate-abi.mjs';

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
});
