import type { Btf } from './btf.ts';
import { CDeclare } from './c-declare.ts';
import { COrder, isComposite } from './c-order.ts';
import { sortedForC } from './c-sort.ts';
import type { BtfType } from './types.ts';

const HEAD = `#ifndef __VMLINUX_H__
#define __VMLINUX_H__

#ifndef BPF_NO_PRESERVE_ACCESS_INDEX
#pragma clang attribute push (__attribute__((preserve_access_index)), apply_to = record)
#endif

#ifndef __ksym
#define __ksym __attribute__((section(".ksyms")))
#endif

#ifndef __weak
#define __weak __attribute__((weak))
#endif

`;

const TAIL = `#ifndef BPF_NO_PRESERVE_ACCESS_INDEX
#pragma clang attribute pop
#endif

#endif /* __VMLINUX_H__ */
`;

/** What `printC` prints. */
export interface PrintCOptions {
  /** Only these types and what they need, in this order, without kernel functions. */
  readonly roots?: readonly number[];
  /** Types in the order of their ids rather than by name. */
  readonly unsorted?: boolean;
}

/**
 * The types as a C header, as `bpftool btf dump … format c` of Linux 6.12 prints it: definitions by
 * kind and name as far as C allows, forward declarations where needed, layout kept by padding and
 * `packed`, and prototypes of kernel functions.
 *
 * Throws `FormatError` for types C can not express (a type that needs itself, a member without
 * size).
 */
export function printC(btf: Btf, options: PrintCOptions = {}): string {
  const printer = new CPrinter(btf);
  for (const id of options.roots ?? order(btf, options.unsorted === true)) printer.print(id);
  const functions = options.roots ? '' : kernelFunctions(btf);
  return HEAD + printer.text() + functions + TAIL;
}

function order(btf: Btf, unsorted: boolean): readonly number[] {
  if (unsorted) return Array.from({ length: btf.count - 1 }, (_, i) => i + 1);
  // bpftool leaves out the first of its sorted types, an anonymous enum if there is one.
  return sortedForC(btf).slice(1);
}

/** Prototypes of what the kernel offers to programs: functions that are tagged so. */
function kernelFunctions(btf: Btf): string {
  const lines: string[] = [];
  for (const tag of btf.types) {
    if (tag.kind !== 'decl_tag' || tag.name !== 'bpf_kfunc' || tag.component !== -1) continue;
    const type = btf.type(tag.type);
    if (type.kind !== 'func') continue;
    lines.push(`extern ${declareC(btf, type.type, type.name)} __weak __ksym;\n`);
  }
  return `\n/* BPF kfuncs */\n#ifndef BPF_NO_KFUNC_PROTOTYPES\n${lines.join('')}#endif\n\n`;
}

/** The declaration of `name` with type `id`: `declareC(btf, id, 'x')` → 'struct flow *x'. */
export function declareC(btf: Btf, id: number, name = ''): string {
  return new CDeclare(btf).declare(id, name);
}

const NEW = 0;
const OPEN = 1;
const DONE = 2;

class CPrinter {
  readonly #btf: Btf;
  readonly #order: COrder;
  readonly #declare: CDeclare;
  readonly #state: Uint8Array;
  /** Forward declarations that are out (for typedefs: the typedef itself). */
  readonly #announced: Uint8Array;
  readonly #pieces: string[] = [];
  #depth = 0;

  constructor(btf: Btf) {
    this.#btf = btf;
    this.#order = new COrder(btf);
    this.#declare = new CDeclare(btf);
    this.#state = new Uint8Array(btf.count);
    this.#announced = new Uint8Array(btf.count);
    this.#state[0] = DONE;
  }

  text(): string {
    return this.#pieces.join('');
  }

  print(id: number): void {
    for (const each of this.#order.definitionsFor(id)) this.#ensure(each, 0);
  }

  #emit(text: string): void {
    this.#pieces.push(`${text};\n\n`);
  }

  /**
   * Makes sure that `id` can be used inside the definition of `container`; at top level (container
   * 0) prints its definition.
   */
  #ensure(id: number, container: number): void {
    if (this.#state[id] === DONE) return;
    const type = this.#btf.type(id);
    if (this.#state[id] === OPEN) return this.#announce(type, container);
    if (++this.#depth > 1000) this.#btf.fail(id, 'is nested too deep for C');
    switch (type.kind) {
      case 'enum':
      case 'enum64':
        if (container === 0) this.#emit(this.#declare.enumeration(type, 0));
        this.#state[id] = DONE;
        break;
      case 'fwd':
        this.#emit(this.#declare.tag(type));
        this.#state[id] = DONE;
        break;
      case 'typedef':
        this.#typedef(type, type.type);
        break;
      case 'struct':
      case 'union':
        this.#composite(type, container);
        break;
      case 'func_proto':
        this.#ensure(type.returns, container);
        for (const param of type.params) this.#ensure(param.type, container);
        break;
      case 'ptr':
      case 'const':
      case 'volatile':
      case 'restrict':
      case 'type_tag':
      case 'array':
        this.#ensure(type.type, container);
        break;
      default:
        this.#state[id] = DONE;
    }
    this.#depth--;
  }

  /** A type met again while its definition is being prepared: say that it exists. */
  #announce(type: BtfType, container: number): void {
    if (this.#announced[type.id] === 1) return;
    if (type.kind === 'typedef') this.#announceTypedef(type.id, type.type);
    else if (isComposite(type) && type.id !== container && type.name) {
      this.#emit(this.#declare.tag(type));
      this.#announced[type.id] = 1;
    }
  }

  #announceTypedef(id: number, target: number): void {
    // A builtin of every compiler, which must not be defined again.
    if (this.#btf.type(id).name !== '__builtin_va_list') {
      const name = this.#declare.names.of(id);
      // Old versions of gcc say that this one is void.
      const builtin = target === 0 && name === '__gnuc_va_list';
      const text = builtin ? `__builtin_va_list ${name}` : this.#declare.declare(target, name);
      this.#emit(`typedef ${text}`);
    }
    this.#announced[id] = 1;
  }

  #typedef(type: BtfType, target: number): void {
    this.#state[type.id] = OPEN;
    this.#ensure(target, type.id);
    if (this.#announced[type.id] === 0) this.#announceTypedef(type.id, target);
    this.#state[type.id] = DONE;
  }

  /**
   * Named types inside others only need a forward declaration; anonymous ones are spelled there.
   */
  #composite(type: BtfType & { kind: 'struct' | 'union' }, container: number): void {
    const { id, name } = type;
    const defined = container === 0;
    this.#state[id] = OPEN;
    if (defined || !name) {
      for (const member of type.members) this.#ensure(member.type, name ? id : container);
    } else if (this.#announced[id] === 0 && id !== container) {
      this.#emit(this.#declare.tag(type));
      this.#announced[id] = 1;
    }
    if (defined) this.#emit(this.#declare.composite(type, 0));
    this.#state[id] = defined ? DONE : NEW;
  }
}
