import { linkObjects } from '../../src/object/index.ts';
import { fixture } from '../fixtures/read.ts';

/** Inputs for the linker from tests/fixtures/link: linkInputs('app', 'library'). */
export const linkInputs = (...names: string[]) =>
  names.map((name) => {
    const file = name.includes('.') ? name : `${name}.bpf.o`;
    return { name: file, bytes: fixture(`link/${file}`) };
  });

/** What they give when they are linked. */
export const linked = (...names: string[]): Uint8Array => linkObjects(linkInputs(...names));
