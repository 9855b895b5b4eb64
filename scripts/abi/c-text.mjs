/** Reading C headers and sources as text: just enough C for tables of constants, structs and prototypes. */

/** Source without comments; newlines stay, so that preprocessor lines keep their place. */
export function stripComments(text) {
  return text
    .replace(/\/\*[\s\S]*?\*\//g, (comment) => comment.replace(/[^\n]/g, ' '))
    .replace(/\/\/[^\n]*/g, '');
}

/** Index just after the bracket that closes the one at `open`. */
export function closing(text, open) {
  const pairs = { '{': '}', '(': ')', '[': ']' };
  const close = pairs[text[open]];
  let depth = 0;
  for (let i = open; i < text.length; i++) {
    if (text[i] === text[open]) depth++;
    else if (text[i] === close && --depth === 0) return i + 1;
  }
  throw new Error(`no ${close} for the bracket at ${open}`);
}

/** Splits at `separator` outside brackets. */
export function splitTop(text, separator = ',') {
  const parts = [];
  let depth = 0;
  let start = 0;
  for (let i = 0; i < text.length; i++) {
    if ('({['.includes(text[i])) depth++;
    else if (')}]'.includes(text[i])) depth--;
    else if (text[i] === separator && depth === 0) {
      parts.push(text.slice(start, i));
      start = i + 1;
    }
  }
  parts.push(text.slice(start));
  return parts.map((part) => part.trim()).filter((part) => part !== '');
}

const TOKENS = /\s*(?:(0[xX][0-9a-fA-F]+|\d+)[uUlL]*|([A-Za-z_]\w*)|(<<|>>|[-+*|&~()]))/y;

/**
 * Value of a constant expression (integers, names in `scope`, + - * | & ~ << >> and brackets), or
 * undefined if it contains anything else.
 */
export function evaluate(text, scope) {
  const tokens = tokenize(text.replace(/\(\s*__u(?:32|64)\s*\)/g, ''));
  if (!tokens) return undefined;
  let at = 0;
  const levels = [['|'], ['&'], ['<<', '>>'], ['+', '-'], ['*']];
  const apply = {
    '|': (a, b) => a | b,
    '&': (a, b) => a & b,
    '<<': (a, b) => a << b,
    '>>': (a, b) => a >> b,
    '+': (a, b) => a + b,
    '-': (a, b) => a - b,
    '*': (a, b) => a * b,
  };
  const primary = () => {
    const token = tokens[at++];
    if (token === '(') {
      const value = binary(0);
      if (tokens[at++] !== ')') throw new RangeError('bracket');
      return value;
    }
    if (token === '-') return -primary();
    if (token === '~') return ~primary();
    if (typeof token === 'bigint') return token;
    const value = scope.get(token);
    if (value === undefined) throw new RangeError(`unknown ${token}`);
    return value;
  };
  const binary = (level) => {
    if (level === levels.length) return primary();
    let left = binary(level + 1);
    while (levels[level].includes(tokens[at])) left = apply[tokens[at++]](left, binary(level + 1));
    return left;
  };
  try {
    const value = binary(0);
    return at === tokens.length ? value : undefined;
  } catch (error) {
    if (error instanceof RangeError) return undefined;
    throw error;
  }
}

function tokenize(text) {
  const tokens = [];
  const source = text.trim();
  TOKENS.lastIndex = 0;
  while (TOKENS.lastIndex < source.length) {
    const match = TOKENS.exec(source);
    if (!match) return undefined;
    tokens.push(match[1] ? BigInt(match[1]) : (match[2] ?? match[3]));
  }
  return tokens.length > 0 ? tokens : undefined;
}

/** Every `enum name { … }` of `text` in order: { name, entries: [[name, value]] }; fills `scope`. */
export function parseEnums(text, scope) {
  const enums = [];
  const pattern = /\benum\s+(\w+)?\s*\{/g;
  for (let match = pattern.exec(text); match; match = pattern.exec(text)) {
    const open = pattern.lastIndex - 1;
    const body = text.slice(open + 1, closing(text, open) - 1);
    const clean = body.replace(/^\s*#.*$/gm, '');
    enums.push({ name: match[1], entries: enumEntries(clean, scope) });
  }
  return enums;
}

function enumEntries(body, scope) {
  const entries = [];
  let next = 0n;
  for (const part of splitTop(body)) {
    const [, name, , expression] = /^(\w+)\s*(=\s*([\s\S]+))?$/.exec(part) ?? [];
    if (!name) continue;
    const value = expression === undefined ? next : evaluate(expression, scope);
    if (value === undefined) throw new Error(`enumerator ${name}: cannot evaluate ${expression}`);
    scope.set(name, value);
    entries.push([name, value]);
    next = value + 1n;
  }
  return entries;
}

/** Object-like `#define NAME value` lines whose value is a constant; fills `scope`. */
export function parseDefines(text, scope) {
  const entries = [];
  const joined = text.replace(/\\\n/g, ' ');
  for (const match of joined.matchAll(/^[ \t]*#\s*define\s+(\w+)[ \t]+(\S[^\n]*)$/gm)) {
    const value = evaluate(match[2], scope);
    if (value === undefined || (scope.has(match[1]) && scope.get(match[1]) === value)) continue;
    scope.set(match[1], value);
    entries.push([match[1], value]);
  }
  return entries;
}
