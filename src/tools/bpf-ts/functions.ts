import { annotated, type TypeNames } from './annotations.ts';
import type { Arrow, Block, FunctionDeclaration, Identifier, Node, Statement } from './ast.ts';
import { Body, type FileContext } from './body.ts';
import type { ProgramKind } from './builtins.ts';
import { expression } from './expressions.ts';
import { refuseSyntax } from './refused.ts';
import type { FunctionSymbol } from './scope.ts';
import { refuse } from './source-error.ts';
import { statements } from './statements.ts';
import { cVariable, type Type, typeName, VOID } from './types.ts';

/** BPF passes arguments in five registers. */
const MOST_PARAMS = 5;

/** A function's name, parameters and result, before any body is compiled. */
export function signature(node: FunctionDeclaration, file: FileContext): FunctionSymbol {
  refuseKinds(node);
  if (node.params.length > MOST_PARAMS) {
    refuse(node, `a BPF function takes at most ${MOST_PARAMS} parameters`, 'pass a struct');
  }
  const params = node.params.map((param) => ({
    name: parameterName(param),
    type: parameterType(param, file),
  }));
  const result = node.returnType ? annotated(node.returnType, file.scope, file.types) : VOID;
  if (result.kind === 'context' || result.kind === 'undefined') {
    refuse(node.returnType!, `a function cannot return ${typeName(result)}`);
  }
  return { kind: 'function', name: node.id.name, params, result };
}

function refuseKinds(node: FunctionDeclaration | Arrow): void {
  if (node.async)
    refuse(node, 'async functions cannot be compiled to BPF', 'a BPF program runs at once');
  if ('generator' in node && node.generator) {
    refuse(node, 'generators cannot be compiled to BPF', 'use a loop');
  }
  if (node.typeParameters) refuse(node, 'generics cannot be compiled to BPF', 'name the types');
}

function parameterName(param: Identifier): string {
  if (param.type !== 'Identifier') refuseSyntax(param);
  if (param.optional)
    refuse(param, 'optional parameters cannot be compiled to BPF', 'give every argument');
  return param.name;
}

function parameterType(param: Identifier, file: FileContext): Type {
  if (!param.typeAnnotation)
    refuse(param, `'${param.name}' has no type`, `write ${param.name}: u32`);
  const type = annotated(param.typeAnnotation, file.scope, file.types);
  if (type.kind === 'void' || type.kind === 'undefined')
    refuse(param, `a parameter of ${typeName(type)}`);
  return type;
}

/** `static __u32 f(__u32 a)`. */
export function prototype(fn: FunctionSymbol, names: readonly string[], inline: boolean): string {
  const params = fn.params.map(({ type }, i) => cVariable(type, names[i]!)).join(', ');
  const head = cVariable(fn.result, `${fn.name}(${params || 'void'})`);
  return `static ${inline ? '' : '__noinline '}__attribute__((unused)) ${head}`;
}

/** A function of the file. */
export function compileFunction(
  node: FunctionDeclaration,
  fn: FunctionSymbol,
  file: FileContext,
  inline: boolean,
): string {
  const body = new Body(file, expression);
  const names = fn.params.map(({ name, type }) => parameter(body, name, type));
  body.result = fn.result;
  run(body, node.body, file.types, node);
  return `#line ${node.loc.start.line}\n${prototype(fn, names, inline)} {\n${body.text()}\n}`;
}

function parameter(body: Body, name: string, type: Type): string {
  const c = body.fresh(name);
  body.scope.set(name, { kind: 'local', name, expr: { c, type }, mutable: true });
  return c;
}

function run(body: Body, block: Block, types: TypeNames, node: Node): void {
  const before = body.problems.length;
  statements(body, block.body as readonly Statement[], types);
  const complete = body.result.kind === 'void' || !body.flow.reachable;
  if (complete || body.problems.length > before) return;
  refuse(
    node,
    `not every way through ends with return`,
    `return ${typeName(body.result)} at the end`,
  );
}

/** `export const name = xdp((packet) => { … })`. */
export function compileProgram(
  name: string,
  kind: ProgramKind,
  node: Arrow,
  file: FileContext,
): string {
  refuseKinds(node);
  const { context, verdict, section } = kind;
  if (node.params.length > 1) refuse(node, 'a program takes one parameter, the packet');
  if (node.body.type !== 'BlockStatement') {
    refuse(node.body, 'a program needs a block', "write (packet) => { return 'pass'; }");
  }
  const body = new Body(file, expression);
  const [param] = node.params;
  const c = param ? parameter(body, parameterName(param), context) : body.fresh('packet');
  body.result = verdict;
  run(body, node.body, file.types, node);
  const head = `int ${name}(struct ${context.struct} *${c}) {`;
  return `#line ${node.loc.start.line}\nSEC("${section}")\n${head}\n${body.text()}\n}`;
}
