/**
 * Every story in this folder is told again and compared to the letter. A line `# …` is for the
 * reader; `operator$ …`, `world$ …` and `MACHINE$ …` are commands; what follows is what was
 * printed. `UPDATE_GOLDEN=1` writes the stories anew: the diff is part of the review.
 */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { World } from './world.ts';

const FOLDER = import.meta.dirname;
const COMMAND = /^([a-z][a-z0-9-]*)\$ (.*)$/;
const stories = readdirSync(FOLDER).filter((name) => name.endsWith('.txt'));

test('there are stories', () => {
  expect(stories.length).toBeGreaterThan(3);
});

test.each(stories)('%s goes as it is told', async (name) => {
  const path = `${FOLDER}/${name}`;
  const told = readFileSync(path, 'utf8');
  const lived = await live(told);
  if (process.env.UPDATE_GOLDEN === '1') writeFileSync(path, lived);
  else expect(lived).toBe(told);
});

async function live(told: string): Promise<string> {
  const world = await World.create();
  try {
    const lines: string[] = [];
    for (const line of ownLines(told)) {
      lines.push(line);
      const [, place, command] = COMMAND.exec(line) ?? [];
      if (place !== undefined && command !== undefined) {
        lines.push(...(await world.run(place, command)));
      }
    }
    return `${lines.join('\n')}\n`;
  } finally {
    await world.close();
  }
}

/** The teller's lines: comments, commands, and blank lines before those; the rest was printed. */
function ownLines(told: string): string[] {
  const lines = told.trimEnd().split('\n');
  const isOwn = (line = '') => line.startsWith('#') || COMMAND.test(line);
  return lines.filter((line, at) => isOwn(line) || (line === '' && isOwn(lines[at + 1])));
}
