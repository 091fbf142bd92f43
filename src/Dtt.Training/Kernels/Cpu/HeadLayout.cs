using System.Runtime.CompilerServices;
using Dtt.Training.Native;
using static TorchSharp.torch;

namespace Dtt.Training.Kernels.Cpu;

/// <summary>
/// How heads lie, as linear layers see them, (B, T, H hs), and as attention multiplies them, (P N H, S, hs): N stretches of tokens, each in P pieces of S
/// tokens, and equal pieces of all stretches and heads one after the other. A stretch may be shorter than P S; what is missing is 0.
/// </summary>
/// <param name="Stretches">The N stretches of the B T tokens.</param>
/// <param name="Pieces">P.</param>
/// <param name="Tokens">S.</param>
/// <param name="HeadSize">hs.</param>
internal sealed unsafe record HeadLayout(IReadOnlyList<Stretch> Stretches, int Pieces, int Tokens, int HeadSize)
{
    /// <summary>(P N heads, shared S, hs) of a tensor's type: shared heads stand under each other.</summary>
    public Tensor Empty(Tensor like, int heads, int shared = 1) =>
        empty([(long)Pieces * Stretches.Count * heads, shared * Tokens, HeadSize], dtype: like.dtype);

    /// <summary>Fills pieces from packed heads.</summary>
    public static void Split(IEnumerable<HeadMove> moves) => Move([.. moves], toPacked: false);

    /// <summary>The way back.</summary>
    public static void Join(IEnumerable<HeadMove> moves) => Move([.. moves], toPacked: true);

    private static void Move(HeadMove[] moves, bool toPacked)
    {
        var addresses = Array.ConvertAll(moves, m => (Packed: TensorMemory.AddressOf(m.Packed), Pieces: TensorMemory.AddressOf(m.Pieces)));
        var sizes = Array.ConvertAll(moves, m => (m.Packed.shape[2] * m.Packed.element_size(), m.Layout.HeadSize * m.Packed.element_size(), m.Count));
        OpenMp.Run((thread, threads) =>
        {
            for (var i = 0; i < moves.Length; i++)
            {
                var (layout, (width, size, count)) = (moves[i].Layout, sizes[i]);
                var packed = (byte*)addresses[i].Packed + moves[i].First * size;
                var rows = layout.Stretches.Count * layout.Pieces * layout.Tokens;
                var (from, to) = (OpenMp.Cut(rows, thread, threads), OpenMp.Cut(rows, thread + 1, threads));
                layout.Move(packed, width, (byte*)addresses[i].Pieces, size, count, toPacked, from, to);
            }
        });
        GC.KeepAlive(moves);
    }

    private void Move(byte* packed, long width, byte* pieces, long size, int count, bool toPacked, int from, int to)
    {
        for (var row = from; row < to; row++)
        {
            var (index, at) = Math.DivRem(row, Pieces * Tokens);
            var ((piece, token), stretch) = (Math.DivRem(at, Tokens), Stretches[index]);
            var inPacked = packed + (stretch.Row + at) * width;
            var inPieces = pieces + (((long)piece * Stretches.Count + index) * count * Tokens + token) * size;
            for (var head = 0; head < count; head++, inPacked += size, inPieces += Tokens * size)
            {
                if (toPacked && at < stretch.Tokens) Unsafe.CopyBlockUnaligned(inPacked, inPieces, (uint)size);
                else if (at < stretch.Tokens) Unsafe.CopyBlockUnaligned(inPieces, inPacked, (uint)size);
                else if (!toPacked) Unsafe.InitBlockUnaligned(inPieces, 0, (uint)size);
            }
        }
    }
}

/// <summary>Heads that are moved: some of (B, T, H hs), contiguous, and their pieces.</summary>
/// <param name="Layout">How the pieces lie.</param>
/// <param name="Packed">(B, T, H hs).</param>
/// <param name="Pieces">Of <see cref="HeadLayout.Empty"/>, or a product of its shape.</param>
/// <param name="First">The first head.</param>
internal readonly record struct HeadMove(HeadLayout Layout, Tensor Packed, Tensor Pieces, int First)
{
    /// <summary>How many heads.</summary>
    public int Count => (int)(Pieces.shape[0] * Pieces.shape[1] / (Layout.Pieces * Layout.Stretches.Count * Layout.Tokens));
}
