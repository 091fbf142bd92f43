using TorchSharp;
using static TorchSharp.torch;

namespace Dtt.Training.Kernels;

/// <summary>
/// Which tokens of a batch belong to one document: one begins with every end-of-text, which stands before its text as a prompt's does, and with every window.
/// Attention within documents lets a token see itself and the earlier tokens of its own.
/// </summary>
/// <param name="inputs">(B, T) int64; the caller keeps them alive.</param>
/// <param name="endOfText">The id of <c>&lt;|endoftext|&gt;</c>.</param>
internal sealed class Documents(Tensor inputs, int endOfText) : IDisposable
{
    private IReadOnlyList<Stretch>? _stretches;
    private Tensor? _mask;

    /// <summary>The documents one after the other, read once from where the inputs are.</summary>
    public IReadOnlyList<Stretch> Stretches => _stretches ??= FindStretches();

    /// <summary>(B, 1, T, T) bool, where the inputs are: whether a query sees a key. Made once, without waiting for a device.</summary>
    public Tensor Mask => _mask ??= MakeMask();

    public void Dispose() => _mask?.Dispose();

    private List<Stretch> FindStretches()
    {
        using var scope = NewDisposeScope();
        var (ids, tokens, found) = (inputs.cpu().contiguous().data<long>().ToArray(), (int)inputs.shape[1], new List<Stretch>());
        for (var (row, first) = (0, 0); row < ids.Length; row++)
        {
            var next = row + 1;
            if (next % tokens != 0 && ids[next] != endOfText) continue;
            found.Add(new Stretch(first, next - first));
            first = next;
        }

        return found;
    }

    private Tensor MakeMask()
    {
        using var scope = NewDisposeScope();
        using var id = endOfText.ToScalar();
        var document = inputs.eq(id).cumsum(1);                                                    // (B, T): which of the window's
        return document.unsqueeze(2).eq(document.unsqueeze(1)).tril().unsqueeze(1).DetachFromDisposeScope();
    }
}

/// <summary>Tokens of one sequence that follow each other.</summary>
/// <param name="Row">The first one, of the B T of a batch.</param>
/// <param name="Tokens">How many.</param>
internal readonly record struct Stretch(int Row, int Tokens)
{
    /// <summary>Whole sequences.</summary>
    public static IReadOnlyList<Stretch> Whole(long batch, long tokens) =>
        [.. Enumerable.Range(0, (int)batch).Select(i => new Stretch(i * (int)tokens, (int)tokens))];

    /// <summary>Its part of a batch, as a batch of one sequence: (B, T, W), contiguous → a view (1, Tokens, W).</summary>
    public Tensor Of(Tensor batch) => batch.view(-1, batch.shape[2]).narrow(0, Row, Tokens).unsqueeze(0);
}
