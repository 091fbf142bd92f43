namespace Dtt.Core.Runs;

/// <summary>One life of one silo.</summary>
/// <param name="Node">The machine.</param>
/// <param name="Silo">The silo's address with its generation: another life has another one.</param>
public sealed record NodeRef(string Node, string Silo);
