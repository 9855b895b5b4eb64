/** The studio's page. */
import { render } from 'preact';
import { useEffect, useRef } from 'preact/hooks';
import { goMachine, goScreen, KEYS, listen } from './keys.ts';
import {
  files,
  go,
  helpShown,
  notice,
  objectFiles,
  route,
  screenKeys,
  shareShown,
  start,
} from './store.ts';
import './style.css';
import { CodeScreen } from './view/code.tsx';
import { Home, takeFiles } from './view/home.tsx';
import { lazyScreen } from './view/lazy.tsx';
import { Empty } from './view/parts.tsx';
import { RunScreen } from './view/run.tsx';

const MatrixScreen = lazyScreen(async () => (await import('./view/matrix.tsx')).MatrixScreen);
const GraphScreen = lazyScreen(async () => (await import('./view/graph.tsx')).GraphScreen);
const MachineScreen = lazyScreen(async () => (await import('./view/machine.tsx')).default);
const Share = lazyScreen(async () => (await import('./view/share.tsx')).default);

function App() {
  const at = route.value;
  const file = 'file' in at ? at.file : undefined;
  const isOpen = file === undefined || files.value.some(({ name }) => name === file);
  return (
    <>
      <Top />
      <main class={at.screen}>
        {!isOpen && <Empty>{file} is not open: drop it here, and this address works.</Empty>}
        {at.screen === 'home' && <Home />}
        {isOpen && at.screen === 'code' && <CodeScreen />}
        {isOpen && at.screen === 'graph' && <GraphScreen />}
        {isOpen && at.screen === 'run' && <RunScreen />}
        {at.screen === 'machine' && <MachineScreen />}
        {isOpen && at.screen === 'matrix' && <MatrixScreen />}
      </main>
      <footer>
        <span role="status">{notice.value}</span>
      </footer>
      {helpShown.value && <Help />}
      {shareShown.value && <Share />}
    </>
  );
}

const NUMBERS = { home: 1, code: 2, graph: 3, run: 4, machine: 5, matrix: 6 };

function Top() {
  const at = route.value;
  const none = objectFiles.value.length === 0;
  const screens = [
    ['home', 'Home', () => go({ screen: 'home' }), false],
    ['code', 'Code', () => goScreen('code'), none],
    ['graph', 'Graph', () => goScreen('graph'), none],
    ['run', 'Run', () => goScreen('run'), none],
    ['machine', 'Machine', goMachine, false],
    ['matrix', 'Matrix', () => goScreen('matrix'), none],
  ] as const;
  return (
    <header class="top">
      <span class="brand">
        <b aria-hidden="true">⬢</b> beeyard <span class="note">studio</span>
      </span>
      <nav aria-label="Screens">
        {screens.map(([screen, name, act, off]) => (
          <button
            type="button"
            key={screen}
            disabled={off}
            aria-current={at.screen === screen ? 'page' : undefined}
            onClick={act}
          >
            <kbd aria-hidden="true">{NUMBERS[screen]}</kbd> {name}
          </button>
        ))}
      </nav>
      {'program' in at && at.program !== '' && <ProgramChoice />}
      <span class="gap" />
      <button type="button" class="quiet" onClick={() => (shareShown.value = true)}>
        Share <kbd aria-hidden="true">l</kbd>
      </button>
      <button type="button" class="quiet" onClick={() => (helpShown.value = true)}>
        Keys <kbd aria-hidden="true">?</kbd>
      </button>
    </header>
  );
}

function ProgramChoice() {
  const at = route.value;
  if (!('program' in at)) return null;
  const choices = objectFiles.value.flatMap(({ name, object }) =>
    object!.programs.map((program) => ({ file: name, program: program.name })),
  );
  const chosen = choices.findIndex(
    ({ file, program }) => file === at.file && program === at.program,
  );
  const choose = (i: number) => {
    const to = choices[i]!;
    if (at.screen === 'code') go({ ...at, ...to, insn: 0 });
    else if (at.screen === 'matrix') go({ ...at, ...to });
    else if (at.screen === 'graph') go({ ...at, ...to, insn: 0, step: undefined });
    else go({ ...at, ...to, step: 0 });
  };
  return (
    <select
      aria-label="Program"
      value={String(chosen)}
      onChange={({ currentTarget }) => choose(currentTarget.selectedIndex)}
    >
      {choices.map(({ file, program }, i) => (
        <option key={`${file} ${program}`} value={String(i)}>
          {program} — {file}
        </option>
      ))}
    </select>
  );
}

function Help() {
  const box = useRef<HTMLDialogElement>(null);
  useEffect(() => box.current?.showModal(), []);
  return (
    <dialog ref={box} aria-labelledby="keys" onClose={() => (helpShown.value = false)}>
      <h2 id="keys">Keys</h2>
      <dl>
        {[...screenKeys.value, ...KEYS].map(({ keys, what }) => (
          <div key={what}>
            <dt>
              {keys.map((key) => (
                <kbd key={key}>{key}</kbd>
              ))}
            </dt>
            <dd>{what}</dd>
          </div>
        ))}
      </dl>
      <button type="button" onClick={() => (helpShown.value = false)}>
        Close
      </button>
    </dialog>
  );
}

addEventListener('dragover', (event) => event.preventDefault());
addEventListener('drop', (event) => {
  event.preventDefault();
  void takeFiles(event.dataTransfer?.files);
});
listen();
render(<App />, document.getElementById('app')!);
start().catch((error: Error) => (notice.value = error.message));
