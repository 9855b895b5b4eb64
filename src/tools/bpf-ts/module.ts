import { described, typeOf, type TypeNames } from './annotations.ts';
import type {
  Declarator,
  EnumDeclaration,
  Expression,
  FunctionDeclaration,
  Identifier,
  Import,
  Item,
  Module,
  Node,
  TypeAlias,
  VariableDeclaration,
} from './ast.ts';
import { Body, type FileContext } from './body.ts';
import { CONSTANTS, FUNCTIONS, HEADERS, NAMED_TYPES, PROGRAMS, TYPE_ONLY } from './builtins.ts';
import { literal } from './convert.ts';
import { declareMap, declareRing, mapKindOf } from './maps.ts';
import { expression } from './expressions.ts';
import { compileFunction, compileProgram, prototype, signature } from './functions.ts';
import { checkRecursion } from './recursion.ts';
import { refuseSyntax } from './refused.ts';
import { RESERVED } from './reserved.ts';
import { type Expr, type FunctionSymbol, Scope } from './scope.ts';
import { Refusal, refuse, type SourceProblem } from './source-error.ts';
import { globalVariable, scalarGlobal } from './static-data.ts';
import { declareStruct } from './structs.ts';
import { BIG_ENDIANS, type EnumType, INTS, type Type } from './types.ts';

/** Where what a program needs comes from. */
const LIBRARY = 'beeyard/bpf';

interface FunctionItem {
  readonly node: FunctionDeclaration;
  readonly symbol: FunctionSymbol;
  readonly inline: boolean;
}

/** One file while it is compiled: its names, and the C that has come of it. */
export class ModuleCompiler implements FileContext {
  readonly scope = new Scope();
  readonly problems: SourceProblem[] = [];
  readonly programs: string[] = [];
  readonly #module: Module;
  readonly #types = new Map<string, Type>();
  /** Names that exist in the object: declared once, in one name space of C. */
  readonly names = new Set<string>();
  /** C of declarations, in the order of the file; functions and programs come after them. */
  readonly #declarations: string[] = [];
  readonly #functions: FunctionItem[] = [];
  readonly #code: string[] = [];
  #license: string | undefined;

  constructor(module: Module) {
    this.#module = module;
  }

  get types(): TypeNames {
    return this.#types;
  }

  /** All C of the file but the headers. */
  compile(): string {
    const items = this.#module.body.map((item) => unexported(item, this));
    this.#each(items, (item) => this.#declare(item));
    this.#each(items, (item) => {
      if (item.type === 'FunctionDeclaration') this.#signature(item);
    });
    this.#guard(() => checkRecursion(this.#functions.map(({ node }) => node)));
    for (const fn of this.#functions) {
      this.#guard(() => void this.#code.push(compileFunction(fn.node, fn.symbol, this, fn.inline)));
    }
    this.#each(items, (item) => this.#programsOf(item));
    return this.#text();
  }

  #text(): string {
    const prototypes = this.#functions.map(({ node, symbol, inline }) => {
      const names = symbol.params.map((_, i) => `a${i}`);
      return `#line ${node.loc.start.line}\n${prototype(symbol, names, inline)};`;
    });
    const license = this.#license === undefined ? [] : [`LICENSE("${this.#license}");`];
    return [...this.#declarations, ...prototypes, ...this.#code, ...license].join('\n');
  }

  #each(items: readonly (Item | undefined)[], action: (item: Item) => void): void {
    for (const item of items) if (item) this.#guard(() => action(item));
  }

  /** A refused declaration does not keep the others from being looked at. */
  #guard(action: () => void): void {
    try {
      action();
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      if (error.problem) this.problems.push(error.problem);
    }
  }

  /** Notes a problem of an item; used where items are taken apart. */
  noted<T>(action: () => T): T | undefined {
    let result: T | undefined;
    this.#guard(() => {
      result = action();
    });
    return result;
  }

  /** Declares everything but functions and programs, in the order of the file. */
  #declare(item: Item): void {
    switch (item.type) {
      case 'EmptyStatement':
      case 'FunctionDeclaration':
        return;
      case 'ImportDeclaration':
        return this.#imports(item);
      case 'TSEnumDeclaration':
        return this.#enum(item);
      case 'TSTypeAliasDeclaration':
        return this.#alias(item);
      case 'VariableDeclaration':
        return this.#variables(item);
      default:
        return refuseItem(item);
    }
  }

  #imports(node: Import): void {
    if (node.source.value !== LIBRARY) {
      refuse(node, `'${String(node.source.value)}' cannot be imported`, `only '${LIBRARY}' can`);
    }
    for (const one of node.specifiers) this.#guard(() => this.#import(one));
  }

  #import(specifier: Import['specifiers'][number]): void {
    const name = specifier.imported?.name;
    const { local } = specifier;
    if (specifier.type !== 'ImportSpecifier' || !name) {
      refuse(specifier, 'import * and default imports cannot be compiled', 'import by name');
    }
    if (local.name !== name) refuse(specifier, 'imports keep their names', `import { ${name} }`);
    const type = INTS.get(name) ?? BIG_ENDIANS.get(name) ?? HEADERS.get(name);
    const named = NAMED_TYPES.get(name);
    const constant = CONSTANTS.get(name);
    if (type) this.scope.set(name, { kind: 'type', type });
    else if (constant !== undefined)
      this.scope.set(name, { kind: 'value', expr: literal(constant, false) });
    else if (FUNCTIONS.has(name)) this.scope.set(name, { kind: 'builtin', name });
    else if (!named && !TYPE_ONLY.has(name)) refuse(specifier, `'${LIBRARY}' has no '${name}'`);
    if (named) this.#types.set(name, named);
  }

  /** Takes a name into the object's name space. */
  #claim(id: Identifier): string {
    const { name } = id;
    if (id.type !== 'Identifier') refuseSyntax(id);
    if (!/^[A-Za-z_]\w*$/.test(name))
      refuse(id, `'${name}' is no name in C`, 'use letters, digits and _');
    if (
      RESERVED.has(name) ||
      /^(bpf_|beeyard_|__|[A-Z]+_P_|IPPROTO_|XDP_|TC_ACT_|BPF_)/.test(name)
    ) {
      refuse(id, `the name '${name}' means something in C`, 'choose another');
    }
    if (this.names.has(name) || this.scope.find(name)) refuse(id, `'${name}' is there twice`);
    this.names.add(name);
    return name;
  }

  #enum(node: EnumDeclaration): void {
    if (node.declare) refuse(node, 'declare cannot be compiled to BPF', 'leave it out');
    const name = this.#claim(node.id);
    const members = new Map<string, bigint>();
    let next = 0n;
    for (const { id, initializer } of node.members) {
      if (id.type !== 'Identifier') refuse(id, 'a member of an enum has a plain name');
      this.#claimMember(id);
      const value = initializer ? this.#number(initializer) : next;
      members.set(id.name, value);
      next = value + 1n;
    }
    if (members.size === 0) refuse(node, `the enum '${name}' has no member`);
    const type: EnumType = { kind: 'enum', name, members };
    this.scope.set(name, { kind: 'type', type });
    this.#types.set(name, type);
    const list = [...members].map(([key, value]) => `  ${key} = ${value},`).join('\n');
    this.#declarations.push(`#line ${node.loc.start.line}\nenum ${name} {\n${list}\n};`);
  }

  /** In C the members of all enums share one name space. */
  #claimMember(id: Identifier): void {
    if (this.names.has(id.name)) {
      refuse(
        id,
        `'${id.name}' is the name of something else too`,
        'C has one name space: rename it',
      );
    }
    if (RESERVED.has(id.name))
      refuse(id, `the name '${id.name}' means something in C`, 'choose another');
    this.names.add(id.name);
  }

  /** A 32-bit number known when compiling. */
  #number(node: Expression): bigint {
    const { type } = this.#constant(node);
    if (
      type.kind === 'literal' &&
      !type.big &&
      type.value >= -(2n ** 31n) &&
      type.value < 2n ** 32n
    ) {
      return type.value;
    }
    refuse(node, 'a 32-bit number known when compiling is wanted');
  }

  #constant(node: Expression): Expr {
    return new Body(this, expression).compile(node);
  }

  #alias(node: TypeAlias): void {
    if (node.typeParameters) refuse(node, 'generics cannot be compiled to BPF', 'name the types');
    if (this.#types.has(node.id.name)) refuse(node.id, `the type '${node.id.name}' is there twice`);
    this.#types.set(node.id.name, typeOf(node.typeAnnotation, this.scope, this.#types));
  }

  #variables(node: VariableDeclaration): void {
    if (node.declare) refuse(node, 'declare cannot be compiled to BPF', 'leave it out');
    if (node.kind !== 'const' && node.kind !== 'let') {
      refuse(node, `${node.kind} cannot be compiled to BPF`, 'write const or let');
    }
    for (const one of node.declarations) {
      this.#guard(() => {
        try {
          this.#variable(one, node.kind === 'let');
        } catch (error) {
          if (one.id.type === 'Identifier') this.scope.set(one.id.name, { kind: 'refused' });
          throw error;
        }
      });
    }
  }

  #variable(node: Declarator, mutable: boolean): void {
    const { id, init } = node;
    if (id.type !== 'Identifier') refuseSyntax(id);
    if (!init) refuse(node, `'${id.name}' has no first value`, `write ${id.name} = 0`);
    const builtin = builtinOf(init, this.scope);
    if (builtin && PROGRAMS.has(builtin)) return this.#announceProgram(node);
    if (id.name === 'license' && init.type === 'Literal' && typeof init.value === 'string') {
      return this.#licensed(init.value, node);
    }
    if (mutable || id.typeAnnotation) return this.#scalar(node, mutable);
    if (builtin && init.type === 'CallExpression') {
      const made = this.#made(builtin, node, init);
      if (made) return;
    }
    const type = described(init, this.scope);
    if (type && type.bits === undefined) return this.#typeConstant(id, type.type);
    const value = this.#constant(init);
    if (value.type.kind !== 'literal') {
      refuse(
        init,
        `'${id.name}' is not known when compiling`,
        'at the top of a file only constants are',
      );
    }
    if (this.scope.find(id.name)) refuse(id, `'${id.name}' is there twice`);
    this.scope.set(id.name, { kind: 'value', expr: value });
  }

  /** `const Address = u8.array(16)`. */
  #typeConstant(id: Identifier, type: Type): void {
    if (this.scope.find(id.name)) refuse(id, `'${id.name}' is there twice`);
    this.scope.set(id.name, { kind: 'type', type });
  }

  #licensed(text: string, node: Node): void {
    if (!/^[\w ./-]+$/.test(text))
      refuse(node, `'${text}' is no licence`, "write 'GPL' or 'Dual MIT/GPL'");
    this.#license = text;
  }

  /** `let total: u64 = 0n`, `const LIMIT: u32 = 5`. */
  #scalar(node: Declarator, mutable: boolean): void {
    const { id } = node;
    const name = mutable ? this.#claim(id) : id.name;
    const value = this.#constant(node.init!);
    const { expr, c } = scalarGlobal(node, name, mutable, value, this);
    this.scope.set(
      id.name,
      mutable ? { kind: 'local', name, expr, mutable } : { kind: 'value', expr },
    );
    if (c) this.#declarations.push(`#line ${node.loc.start.line}\n${c}`);
  }

  /** What a call of a constructor declares; false if it is none. */
  #made(builtin: string, node: Declarator, init: Expression & { type: 'CallExpression' }): boolean {
    const { id } = node;
    const line = `#line ${node.loc.start.line}\n`;
    if (builtin === 'struct') {
      const name = this.#claim(id);
      const { type, c } = declareStruct(name, init, this.scope);
      this.scope.set(name, { kind: 'type', type });
      this.#declarations.push(line + c);
      return true;
    }
    if (builtin === 'rodata' || builtin === 'data') {
      const name = this.#claim(id);
      const { expr, c } = globalVariable(name, builtin, init, this, (value) =>
        this.#constant(value),
      );
      this.scope.set(name, { kind: 'value', expr });
      this.#declarations.push(line + c);
      return true;
    }
    const kind = mapKindOf(builtin);
    if (!kind && builtin !== 'ringbuf') return false;
    const name = this.#claim(id);
    const number = (value: Expression) => this.#number(value);
    const { symbol, c } = kind
      ? declareMap(name, kind, init, this.scope, number)
      : declareRing(name, init, this.scope, number);
    this.scope.set(name, symbol);
    this.#declarations.push(line + c);
    return true;
  }

  #announceProgram(node: Declarator): void {
    const name = this.#claim(node.id);
    this.scope.set(name, { kind: 'program' });
    this.programs.push(name);
  }

  #signature(node: FunctionDeclaration): void {
    const name = this.#claim(node.id);
    const symbol = signature(node, this);
    this.scope.set(name, symbol);
    this.#functions.push({ node, symbol, inline: !this.#isNoinline(node) });
  }

  /** A function with `@noinline` in the comment before it is a BPF subprogram in any case. */
  #isNoinline(node: FunctionDeclaration): boolean {
    const before = this.#module.body.findLast((item) => item.end <= node.start)?.end ?? 0;
    const within = ({ start, end }: { start: number; end: number }) =>
      start >= before && end <= node.start;
    return this.#module.comments.some((one) => within(one) && /@noinline\b/.test(one.value));
  }

  #programsOf(item: Item): void {
    if (item.type !== 'VariableDeclaration') return;
    for (const { id, init } of item.declarations) {
      if (!init || id.type !== 'Identifier') continue;
      const builtin = builtinOf(init, this.scope);
      const kind = builtin === undefined ? undefined : PROGRAMS.get(builtin);
      if (!kind || init.type !== 'CallExpression') continue;
      const [fn] = init.arguments;
      if (fn?.type !== 'ArrowFunctionExpression' || init.arguments.length > 1) {
        refuse(init, `${builtin}() takes a function`, `${builtin}((packet) => { … })`);
      }
      this.#code.push(compileProgram(id.name, kind, fn, this));
    }
  }
}

/** What `export` exports. */
function unexported(item: Item, compiler: ModuleCompiler): Item | undefined {
  if (item.type !== 'ExportNamedDeclaration') return item;
  return compiler.noted(() => {
    if (item.declaration) return item.declaration;
    return refuse(item, 'export lists cannot be compiled', 'export where it is declared');
  });
}

function refuseItem(item: Node): never {
  const loose = item.type.endsWith('Statement');
  if (loose && item.type !== 'TryStatement' && item.type !== 'ThrowStatement') {
    refuse(item, 'a statement outside of functions', 'a BPF program begins in xdp(…) or tc(…)');
  }
  return refuseSyntax(item);
}

/** The name of the library function a call calls. */
function builtinOf(node: Expression, scope: Scope): string | undefined {
  if (node.type !== 'CallExpression' || node.callee.type !== 'Identifier') return undefined;
  const symbol = scope.find(node.callee.name);
  return symbol?.kind === 'builtin' ? symbol.name : undefined;
}
