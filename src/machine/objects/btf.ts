import { type Btf, writeBtf } from '../../btf/index.ts';
import { KernelObject } from './object.ts';

/** Where BTF comes from. */
interface BtfSource {
  /** 'vmlinux', the name of a module, or '' for BTF that a program brought. */
  readonly name: string;
  readonly kernel: boolean;
  btf(): Btf;
  /** The section itself, where it is at hand. */
  readonly bytes?: Uint8Array;
}

/** BTF with an id: the kernel's, a module's, or one that was loaded. */
export class BtfObject extends KernelObject {
  id = 0;
  readonly name: string;
  readonly kernel: boolean;
  readonly #source: BtfSource;
  readonly #ended: (object: BtfObject) => void;
  #bytes: Uint8Array | undefined;

  constructor(source: BtfSource, ended: (object: BtfObject) => void) {
    super();
    this.#source = source;
    this.name = source.name;
    this.kernel = source.kernel;
    this.#bytes = source.bytes;
    this.#ended = ended;
  }

  get btf(): Btf {
    return this.#source.btf();
  }

  /** The section. */
  get bytes(): Uint8Array {
    return (this.#bytes ??= this.btf.bytes ?? writeBtf(this.btf));
  }

  protected end(): void {
    this.#ended(this);
  }
}
