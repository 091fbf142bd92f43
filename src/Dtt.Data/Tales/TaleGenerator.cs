using Dtt.Data.Order;

namespace Dtt.Data.Tales;

/// <summary>
/// Tells simple English fairy tales from a grammar: about 2,000 words, a dozen plots, no two tales alike in practice. Tale n of a seed is the
/// same everywhere and needs none of the tales before it.
/// </summary>
public sealed class TaleGenerator(long seed)
{
    /// <summary>Counts the changes of the grammar: another version tells other tales.</summary>
    public const int Version = 1;

    private static readonly Lazy<Grammar> _grammar = new(() =>
    {
        using var resource = typeof(TaleGenerator).Assembly.GetManifestResourceStream("Dtt.Data.Tales.tales.grammar")!;
        return new Grammar(new StreamReader(resource));
    });

    /// <summary>Tale number <paramref name="number"/>: one line a paragraph, no empty lines.</summary>
    public string Tell(long number) => _grammar.Value.Expand("tale", new TaleRandom(Mixing.Seed(seed, Purpose.Tale, number)));
}
