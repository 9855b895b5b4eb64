import { tsPlugin } from '@sveltejs/acorn-typescript';
import { Parser } from 'acorn';
import type { Comment, Module } from './ast.ts';
import { Refusal, type SourceProblem } from './source-error.ts';

const TypeScriptParser = Parser.extend(tsPlugin());

/** Parses TypeScript. Throws Refusal with the place of the first thing that is no TypeScript. */
export function parseModule(source: string): Module {
  const comments: Comment[] = [];
  try {
    const program = TypeScriptParser.parse(source, {
      sourceType: 'module',
      ecmaVersion: 'latest',
      locations: true,
      onComment: (_, value, start, end) => void comments.push({ value, start, end }),
    });
    return { body: (program as unknown as Module).body, comments };
  } catch (error) {
    throw new Refusal(problemOf(error));
  }
}

/** The parser's error as ours; nesting too deep for its stack has no place. */
function problemOf(error: unknown): SourceProblem {
  const { loc, message } = error as { loc?: { line: number; column: number }; message?: string };
  if (error instanceof RangeError) {
    return { line: 1, column: 1, message: 'this file is nested too deeply' };
  }
  if (!loc) return { line: 1, column: 1, message: `not TypeScript: ${message ?? String(error)}` };
  const text = (message ?? '').replace(/ \(\d+:\d+\)$/, '');
  return { line: loc.line, column: loc.column + 1, message: `not TypeScript: ${text}` };
}
