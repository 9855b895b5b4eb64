import type { Call, Expression } from './ast.ts';
import type { Body } from './body.ts';
import { settled } from './convert.ts';
import type { Expr } from './scope.ts';
import { refuse } from './source-error.ts';
import { cScalar, intOf, type Type, typeName, VOID } from './types.ts';

/** bpf_trace_printk takes five arguments, two of them the text. */
const MOST_VALUES = 3;
/** A name no variable of the source can have. */
const TEXT = 'beeyard_text';

/** printk(`port ${port}`): the template becomes the kernel's format. */
export function printk(body: Body, text: Expression, node: Call): Expr {
  const [pieces, values] = template(text);
  if (values.length > MOST_VALUES) refuse(text, `printk() prints at most ${MOST_VALUES} values`);
  const exprs = values.map((value) => settled(body.compile(value), value));
  const formats = exprs.map((expr, i) => formatOf(expr.type, values[i]!));
  const format = pieces.map((piece, i) => cText(piece, node) + (formats[i] ?? '')).join('');
  const list = exprs.map((expr) => `, ${wide(expr)}`).join('');
  const print = `bpf_trace_printk(${TEXT}, sizeof(${TEXT})${list})`;
  const c = `({ static const char ${TEXT}[] = "${format}"; ${print}; })`;
  return { c, type: VOID, calls: true };
}

function template(text: Expression): readonly [readonly string[], readonly Expression[]] {
  if (text.type === 'TemplateLiteral') {
    return [text.quasis.map(({ value }) => value.cooked ?? ''), text.expressions];
  }
  if (text.type === 'Literal' && typeof text.value === 'string') return [[text.value], []];
  refuse(text, 'printk() takes a text written there', 'printk(`port ${port}`)');
}

function formatOf(type: Type, node: Expression): string {
  const int = intOf(type);
  if (int) return `%${int.bits === 64 ? 'll' : ''}${int.signed ? 'd' : 'u'}`;
  if (type.kind === 'bool') return '%d';
  refuse(node, `printk() cannot print ${typeName(type)}`, 'print numbers');
}

/** Variadic arguments narrower than int would be promoted to a signed one. */
function wide(expr: Expr): string {
  const int = intOf(expr.type);
  if (!int || int.bits === 64) return expr.c;
  return `(${int.signed ? '__s32' : '__u32'})${int.bits < 32 ? `(${cScalar(int)})` : ''}${expr.c}`;
}

/** Text inside C's quotes; % is doubled for the kernel. */
function cText(text: string, node: Call): string {
  if (/[^\n\t\x20-\x7e]/.test(text)) refuse(node, 'printk() prints ASCII');
  return text
    .replace(/[\\"]/g, '\\$&')
    .replaceAll('\n', '\\n')
    .replaceAll('\t', '\\t')
    .replaceAll('?', '\\?')
    .replaceAll('%', '%%');
}
