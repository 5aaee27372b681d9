import { describe, expect, test } from 'vitest';
import { formatRecord, formatTable } from '../../../cli/output.ts';

const plain = { isColored: false };

describe('formatTable()', () => {
  test('aligns columns and leaves no blanks at the ends of lines', () => {
    const rows = [
      ['hq', '10.1.0.0/16', 'x'],
      ['branch', '', 'y'],
    ];
    expect(formatTable(['NAME', 'PREFIX', 'ID'], rows, plain)).toBe(
      ['NAME    PREFIX       ID', 'hq      10.1.0.0/16  x', 'branch  -            y', ''].join(
        '\n',
      ),
    );
  });

  test('colours on terminals only, and aligns as without', () => {
    const rows = [[{ text: 'active', mood: 'good' as const }, 'hq']];
    expect(formatTable(['STATE', 'SITE'], rows, plain)).toBe('STATE   SITE\nactive  hq\n');
    expect(formatTable(['STATE', 'SITE'], rows, { isColored: true })).toBe(
      'STATE   SITE\n\u001b[32mactive\u001b[0m  hq\n',
    );
  });

  test('lets no text of others steer the terminal', () => {
    const rows = [['\u001b[2J\u0007up\nto\u009b date']];
    expect(formatTable(['REASON'], rows, plain)).toBe('REASON\n?[2J?up?to? date\n');
  });
});

describe('formatRecord()', () => {
  test('gives each value of a list a line of its own', () => {
    const members = [
      ['name', 'hq'],
      ['prefixes', ['10.1.0.0/16', 'fd00:1::/48']],
      ['peers', []],
    ] as const;
    expect(formatRecord(members, plain)).toBe(
      ['name      hq', 'prefixes  10.1.0.0/16', '          fd00:1::/48', 'peers     -', ''].join(
        '\n',
      ),
    );
  });
});
