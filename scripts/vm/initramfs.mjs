/** The archive that a machine starts from: `beeyard vm` has it too. */
import { load } from '../corpus/source.mjs';

export const { initramfs } = await load('src/tools/vm/initramfs.ts');
