using Dtt.Training.Native;
using static TorchSharp.torch;

namespace Dtt.Training.Kernels.Cpu;

/// <summary>
/// What every query has for every key that it may see, scores or weights: of a piece's queries for its own keys, and, of stretches in two halves, of the second
/// half's queries for the first half's keys.
/// </summary>
/// <param name="Own">(G, R, S).</param>
/// <param name="Earlier">(G ÷ 2, R, S), or null.</param>
internal readonly record struct CausalProduct(Tensor Own, Tensor? Earlier)
{
    /// <summary>All of it.</summary>
    public IEnumerable<Tensor> Tensors => Earlier is null ? [Own] : [Own, Earlier];

    /// <summary>rows columnsᵀ: (G, R, hs), (G, S, hs).</summary>
    public static CausalProduct Of(Tensor rows, Tensor columns, HeadLayout layout) => new(
        rows.bmm(columns.transpose(1, 2)).contiguous(),                                                  // (G, R, hs) (G, hs, S) -> (G, R, S)
        layout.Pieces == 1 ? null : Second(rows).bmm(First(columns).transpose(1, 2)).contiguous());      // (G ÷ 2, R, S)

    /// <summary>(G, R, S) (G, S, hs) → (G, R, hs).</summary>
    public Tensor Times(Tensor columns)
    {
        var product = Own.bmm(columns);
        if (Earlier is not null) Add(Second(product), Earlier, First(columns));
        return product;
    }

    /// <summary>(G, S, R) (G, R, hs) → (G, S, hs).</summary>
    public Tensor TransposedTimes(Tensor rows)
    {
        var product = Own.transpose(1, 2).bmm(rows);
        if (Earlier is not null) Add(First(product), Earlier.transpose(1, 2), Second(rows));
        return product;
    }

    private static Tensor First(Tensor halves) => halves.narrow(0, 0, halves.shape[0] / 2);

    private static Tensor Second(Tensor halves) => halves.narrow(0, halves.shape[0] / 2, halves.shape[0] / 2);

    private static void Add(Tensor sum, Tensor left, Tensor right) => sum.add_(left.bmm(right), Number.One);
}
