import type { Expression, Node } from './ast.ts';
import { Flow } from './flow.ts';
import { RESERVED } from './reserved.ts';
import { type Expr, Scope } from './scope.ts';
import { Refusal, type SourceProblem } from './source-error.ts';
import { cStorage, type Type, VOID } from './types.ts';

/** Compiles an expression; `expected` gives a type to literals, verdicts and `{ … }`. */
export type CompileExpression = (body: Body, node: Expression, expected?: Type) => Expr;

/** What compiling a function needs of its file. */
export interface FileContext {
  readonly scope: Scope;
  readonly types: ReadonlyMap<string, Type>;
  /** Names that exist in the object. */
  readonly names: ReadonlySet<string>;
  readonly problems: SourceProblem[];
}

/** One function while it is compiled. */
export class Body {
  readonly problems: SourceProblem[];
  scope: Scope;
  flow = new Flow();
  /** What `return` gives. */
  result: Type = VOID;
  /** Loops and switches around this point, innermost last; what is known where they are left. */
  readonly exits: { readonly kind: 'loop' | 'switch'; left: Flow | undefined }[] = [];
  readonly #compile: CompileExpression;
  /** Names of the file, which no variable may hide. */
  readonly #taken: ReadonlySet<string>;
  readonly #lines: string[] = [];
  /** Declarations that must stand before the statement being compiled. */
  readonly #temps: string[] = [];
  readonly #names = new Set<string>();
  #line = 0;
  #depth = 1;

  constructor(file: FileContext, compile: CompileExpression) {
    this.scope = new Scope(file.scope);
    this.#compile = compile;
    this.#taken = file.names;
    this.problems = file.problems;
  }

  compile(node: Expression, expected?: Type): Expr {
    return this.#compile(this, node, expected);
  }

  /** What a comparison compares with, where that is known when compiling. */
  constantOf(node: Expression): bigint | undefined {
    const length = node.type === 'MemberExpression' && !node.computed;
    if (node.type !== 'Literal' && node.type !== 'Identifier' && !length) return undefined;
    try {
      const { type, constant } = this.compile(node);
      return type.kind === 'literal' ? type.value : constant;
    } catch (error) {
      // Where the comparison stands in a longer test, more is known than here.
      if (error instanceof Refusal) return undefined;
      throw error;
    }
  }

  /** A name of its own for a variable: C has other scopes and other reserved words. */
  fresh(name: string): string {
    if (!/^\w+$/.test(name)) name = 'value';
    let chosen = RESERVED.has(name) || /^(bpf|beeyard)_|^__/.test(name) ? `${name}_` : name;
    for (let n = 2; this.#names.has(chosen) || this.#taken.has(chosen); n++)
      chosen = `${name}_${n}`;
    this.#names.add(chosen);
    return chosen;
  }

  /** Memory for a value that something needs the address of. Returns its name. */
  temp(type: Type): string {
    const name = this.fresh('temp');
    this.#temps.push(`${cStorage(type, name)};`);
    return name;
  }

  /** Where an expression goes on in another line of the source, C is told. */
  mark(node: Node): string {
    const { line } = node.loc.start;
    if (line === this.#line) return '';
    this.#line = line;
    return `\n#line ${line}\n`;
  }

  /** Begins a statement: what is compiled next stands on the line of `node`. */
  at(node: Node): void {
    this.#line = node.loc.start.line;
  }

  /** Writes a statement of the source at `node`, after the declarations it needs. */
  emit(node: Node, text: string): void {
    for (const temp of this.#temps.splice(0)) this.#write(temp);
    this.#lines.push(`#line ${node.loc.start.line}`);
    this.#write(text);
  }

  /** A place for declarations that are known only further down. Returns what fills it. */
  reserve(): () => void {
    const at = this.#lines.push('') - 1;
    return () => {
      this.#lines[at] = this.#temps.splice(0).join(' ');
    };
  }

  /** Opens a block; `close` ends it. */
  open(node: Node, text: string): void {
    this.emit(node, text);
    this.#depth++;
  }

  close(text = '}'): void {
    this.#depth--;
    this.#write(text);
  }

  /** Ends a block and opens the next: `} else {`. */
  reopen(text: string): void {
    this.close(text);
    this.#depth++;
  }

  /** Notes why a statement was refused, and forgets what it has begun. */
  refused(refusal: Refusal): void {
    if (refusal.problem) this.problems.push(refusal.problem);
    this.#temps.length = 0;
  }

  text(): string {
    return this.#lines.join('\n');
  }

  #write(text: string): void {
    this.#lines.push('  '.repeat(Math.max(0, this.#depth)) + text);
  }
}
