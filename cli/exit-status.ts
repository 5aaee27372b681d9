/**
 * Exit statuses of `culvert`. They are a contract: scripts branch on them.
 *
 * @module
 */
export const DONE = 0;
export const FAILED = 1;
export const USAGE = 2;
export const REFUSED = 3;
export const UNREACHABLE = 4;
export const PRECONDITION = 5;

export const EXIT_STATUS_HELP = `
Exit status:
  0  done
  1  failed
  2  the command line is wrong
  3  refused by the control plane; what was refused and why is on standard error
  4  the control plane cannot be reached
  5  a precondition is missing (configuration, root, a program, a Node that is recent enough)
`;
