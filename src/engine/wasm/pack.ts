import type { CodePack } from '../../abi/index.ts';
import type { Runtime } from '../../runtime/types.ts';
import type { CompileOptions } from '../types.ts';
import type { WasmCode } from './code.ts';
import { compilePack, type Span } from './compile.ts';
import type { Draft } from './draft.ts';
import { link } from './link.ts';

/** A program and what it is compiled with. */
export interface PackMember {
  readonly code: WasmCode;
  readonly options: CompileOptions;
}

/** A member's place; the member goes when the program does, and leaves nothing but its name. */
interface Chunk extends Span {
  readonly program: number;
  readonly name: string;
  member: PackMember | undefined;
}

/** One module, its programs and what it took. The module itself lives as long as its functions. */
export class Pack {
  readonly id: number;
  readonly generation: number;
  readonly bytes: number;
  /** Called when the last of its programs goes. */
  onEmpty: (() => void) | undefined;
  readonly #chunks: readonly Chunk[];
  readonly #compile: number;
  readonly #instantiate: number;

  constructor(
    { id, generation }: Pick<CodePack, 'id' | 'generation'>,
    members: readonly PackMember[],
    drafts: readonly Draft[],
    runtime: Runtime,
  ) {
    this.id = id;
    this.generation = generation;
    const start = performance.now();
    const { bytes, spans } = compilePack(drafts);
    const module = new WebAssembly.Module(bytes);
    const compiled = performance.now();
    const codes = members.map(({ code }) => code);
    link(module, codes, runtime);
    this.#compile = compiled - start;
    this.#instantiate = performance.now() - compiled;
    this.bytes = bytes.length;
    this.#chunks = members.map(({ code, options }, k) => {
      const { name, id: program } = code.image;
      return { ...spans[k], program, name, member: { code, options } };
    });
    for (const chunk of this.#chunks) {
      chunk.member!.code.onDispose = () => this.#free(chunk);
    }
  }

  #free(chunk: Chunk): void {
    chunk.member = undefined;
    if (this.#chunks.every(({ member }) => member === undefined)) this.onEmpty?.();
  }

  /** Programs that are there. */
  living(): PackMember[] {
    return this.#chunks.flatMap(({ member }) => member ?? []);
  }

  /** Share of its code that is dead, 0 to 1. */
  get waste(): number {
    const { live, dead } = this.#sums();
    return dead / (live + dead);
  }

  #sums(): { readonly live: number; readonly dead: number } {
    let live = 0;
    let dead = 0;
    for (const { member, bytes } of this.#chunks) {
      if (member) live += bytes;
      else dead += bytes;
    }
    return { live, dead };
  }

  facts(): CodePack {
    const { id, generation, bytes } = this;
    return {
      id,
      generation,
      chunks: this.#chunks.map(({ program, name, offset, bytes: size, member }) => {
        return { program, name, offset, bytes: size, live: member !== undefined };
      }),
      bytes,
      ...this.#sums(),
      compile: this.#compile,
      instantiate: this.#instantiate,
    };
  }
}
