/**
 * Writes the WebAssembly binary format (core specification, section 5) into a growing byte array.
 * Knows nothing of BPF.
 */
export class ByteSink {
  bytes: Uint8Array<ArrayBuffer>;
  length = 0;

  constructor(capacity = 1024) {
    this.bytes = new Uint8Array(capacity);
  }

  /** The bytes written so far (a view, valid until the next write). */
  finish(): Uint8Array<ArrayBuffer> {
    return this.bytes.subarray(0, this.length);
  }

  /** Makes room for `count` more bytes. */
  private reserve(count: number): void {
    const need = this.length + count;
    if (need <= this.bytes.length) return;
    const grown = new Uint8Array(Math.max(need, this.bytes.length * 2));
    grown.set(this.bytes.subarray(0, this.length));
    this.bytes = grown;
  }

  byte(value: number): void {
    if (this.length === this.bytes.length) this.reserve(1);
    this.bytes[this.length++] = value;
  }

  append(bytes: Uint8Array): void {
    this.reserve(bytes.length);
    this.bytes.set(bytes, this.length);
    this.length += bytes.length;
  }

  /** Unsigned LEB128 of a 32-bit number. */
  u32(value: number): void {
    let rest = value >>> 0;
    while (rest > 0x7f) {
      this.byte((rest & 0x7f) | 0x80);
      rest >>>= 7;
    }
    this.byte(rest);
  }

  /** Signed LEB128 of a 32-bit number. */
  s32(value: number): void {
    let rest = value | 0;
    while (rest > 63 || rest < -64) {
      this.byte((rest & 0x7f) | 0x80);
      rest >>= 7;
    }
    this.byte(rest & 0x7f);
  }

  /** Signed LEB128 of the 64-bit number with these halves. */
  s64(low: number, high: number): void {
    let lo = low | 0;
    let hi = high | 0;
    while (!(hi === lo >> 31 && lo <= 63 && lo >= -64)) {
      this.byte((lo & 0x7f) | 0x80);
      lo = (lo >>> 7) | (hi << 25);
      hi >>= 7;
    }
    this.byte(lo & 0x7f);
  }

  name(text: string): void {
    const bytes = new TextEncoder().encode(text);
    this.u32(bytes.length);
    this.append(bytes);
  }
}

export const I32 = 0x7f;
export const I64 = 0x7e;
const FUNCREF = 0x70;

/** A function type as text, the key under which types are shared: params then results. */
function typeKey(params: readonly number[], results: readonly number[]): string {
  return `${params.join()}:${results.join()}`;
}

export interface MemoryLimits {
  readonly shared: boolean;
}

/**
 * A module under construction. Imports must all be declared before the first function, because
 * imported functions take the first indices.
 */
export class ModuleBuilder {
  private readonly types = new ByteSink(256);
  private typeCount = 0;
  private readonly typeIndex = new Map<string, number>();
  private readonly imports = new ByteSink(512);
  private importCount = 0;
  private readonly importIndex = new Map<string, number>();
  private importedFunctions = 0;
  private importedGlobals = 0;
  private readonly functionTypes: number[] = [];
  private readonly bodies: (Uint8Array | undefined)[] = [];
  private readonly exports = new ByteSink(256);
  private exportCount = 0;
  private readonly names: string[] = [];
  /** Where bodies begin in the code section, and where the last one ends. */
  private readonly offsets: number[] = [];
  private codeStart = 0;

  /** Index of a function type. */
  type(params: readonly number[], results: readonly number[]): number {
    const key = typeKey(params, results);
    const known = this.typeIndex.get(key);
    if (known !== undefined) return known;
    this.types.byte(0x60);
    for (const list of [params, results]) {
      this.types.u32(list.length);
      for (const type of list) this.types.byte(type);
    }
    this.typeIndex.set(key, this.typeCount);
    return this.typeCount++;
  }

  private importEntry(module: string, name: string): void {
    this.imports.name(module);
    this.imports.name(name);
    this.importCount++;
  }

  /** Of what is neither function nor global: false if it is there already. */
  private importsFirst(module: string, name: string): boolean {
    const key = `other ${module}.${name}`;
    if (this.importIndex.has(key)) return false;
    this.importIndex.set(key, 0);
    this.importEntry(module, name);
    return true;
  }

  importMemory(module: string, name: string, limits: MemoryLimits): void {
    if (!this.importsFirst(module, name)) return;
    this.imports.byte(0x02);
    this.imports.byte(limits.shared ? 0x03 : 0x00);
    this.imports.u32(1);
    if (limits.shared) this.imports.u32(65536);
  }

  importTable(module: string, name: string): void {
    if (!this.importsFirst(module, name)) return;
    this.imports.byte(0x01);
    this.imports.byte(FUNCREF);
    this.imports.byte(0x00);
    this.imports.u32(0);
  }

  /** Returns the global's index. */
  importGlobal(module: string, name: string, type: number, mutable: boolean): number {
    const key = `global ${module}.${name}`;
    const known = this.importIndex.get(key);
    if (known !== undefined) return known;
    this.importEntry(module, name);
    this.imports.byte(0x03);
    this.imports.byte(type);
    this.imports.byte(mutable ? 1 : 0);
    this.importIndex.set(key, this.importedGlobals);
    return this.importedGlobals++;
  }

  /** Returns the function's index; the same import asked again gives the same index. */
  importFunction(module: string, name: string, type: number): number {
    const key = `${module}.${name}`;
    const known = this.importIndex.get(key);
    if (known !== undefined) return known;
    if (this.functionTypes.length > 0) throw new RangeError('imports come before functions');
    this.importEntry(module, name);
    this.imports.byte(0x00);
    this.imports.u32(type);
    this.importIndex.set(key, this.importedFunctions);
    return this.importedFunctions++;
  }

  /** Declares a function whose body follows with `define`; returns its index. */
  declare(type: number, name: string): number {
    this.functionTypes.push(type);
    this.bodies.push(undefined);
    this.names.push(name);
    return this.importedFunctions + this.functionTypes.length - 1;
  }

  /** `body` = local declarations and code, without the size. */
  define(index: number, body: Uint8Array): void {
    this.bodies[index - this.importedFunctions] = body;
  }

  exportFunction(name: string, index: number): void {
    this.exports.name(name);
    this.exports.byte(0x00);
    this.exports.u32(index);
    this.exportCount++;
  }

  /** Functions declared so far. */
  get declared(): number {
    return this.functionTypes.length;
  }

  /** After `finish`: where in the module function number `k` (of those declared) begins. */
  offsetOf(k: number): number {
    return this.codeStart + this.offsets[k];
  }

  finish(): Uint8Array<ArrayBuffer> {
    const total = this.bodies.reduce((sum, body) => sum + (body?.length ?? 0) + 8, 4096);
    const out = new ByteSink(total + this.imports.length + this.types.length);
    out.append(Uint8Array.of(0, 0x61, 0x73, 0x6d, 1, 0, 0, 0));
    section(out, 1, this.typeCount, this.types);
    section(out, 2, this.importCount, this.imports);
    section(out, 3, this.functionTypes.length, this.functionSection());
    section(out, 7, this.exportCount, this.exports);
    section(out, 10, this.bodies.length, this.codeSection(total));
    this.codeStart = out.length - this.offsets[this.bodies.length];
    this.nameSection(out);
    return out.finish().slice();
  }

  private functionSection(): ByteSink {
    const sink = new ByteSink(this.functionTypes.length * 2 + 8);
    for (const type of this.functionTypes) sink.u32(type);
    return sink;
  }

  private codeSection(capacity: number): ByteSink {
    const sink = new ByteSink(capacity);
    for (const body of this.bodies) {
      if (body === undefined) throw new RangeError('a declared function has no body');
      this.offsets.push(sink.length);
      sink.u32(body.length);
      sink.append(body);
    }
    this.offsets.push(sink.length);
    return sink;
  }

  /** Function names, so that stack traces and profilers show the subprogram. */
  private nameSection(out: ByteSink): void {
    const list = new ByteSink(256);
    list.u32(this.names.length);
    this.names.forEach((name, i) => {
      list.u32(this.importedFunctions + i);
      list.name(name);
    });
    const custom = new ByteSink(list.length + 16);
    custom.name('name');
    custom.byte(0x01);
    custom.u32(list.length);
    custom.append(list.finish());
    out.byte(0);
    out.u32(custom.length);
    out.append(custom.finish());
  }
}

function section(out: ByteSink, id: number, count: number, content: ByteSink): void {
  const head = new ByteSink(8);
  head.u32(count);
  out.byte(id);
  out.u32(head.length + content.length);
  out.append(head.finish());
  out.append(content.finish());
}
