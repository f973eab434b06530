/** The part of jStat that is used here; the package has no types of its own. */
declare const jstat: {
  readonly jStat: {
    /** Student's distribution. */
    readonly studentt: {
      cdf(t: number, degrees: number): number;
      inv(p: number, degrees: number): number;
    };
    /** Student's distribution of a shifted normal. */
    readonly noncentralt: { cdf(t: number, degrees: number, shift: number): number };
    /** The χ² distribution. */
    readonly chisquare: { cdf(value: number, degrees: number): number };
    /** The studentised range of some means. */
    readonly tukey: { inv(p: number, means: number, degrees: number): number };
  };
};
export default jstat;
