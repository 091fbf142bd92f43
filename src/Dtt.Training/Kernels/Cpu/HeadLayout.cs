using System.Runtime.CompilerServices;
using Dtt.Training.Native;
using static TorchSharp.torch;

namespace Dtt.Training.Kernels.Cpu;

/// <summary>
/// Moves heads between how linear layers see them, (B, T, H hs), and how attention multiplies them, (P N H, S, hs): N stretches of tokens, each in P pieces of
/// S tokens, and equal pieces of all stretches and heads one after the other. A stretch may be shorter than P S; what is missing is 0.
/// </summary>
/// <param name="Stretches">The N stretches of the B T tokens.</param>
/// <param name="Pieces">P.</param>
/// <param name="Tokens">S.</param>
/// <param name="HeadSize">hs.</param>
internal sealed unsafe record HeadLayout(IReadOnlyList<Stretch> Stretches, int Pieces, int Tokens, int HeadSize)
{
    /// <summary>Some of the heads of (B, T, H hs), contiguous → (P N count, S, hs).</summary>
    public Tensor Split(Tensor packed, int first, int count)
    {
        var pieces = empty([(long)Pieces * Stretches.Count * count, Tokens, HeadSize], dtype: packed.dtype);
        Move(packed, pieces, first, count, toPacked: false);
        return pieces;
    }

    /// <summary>The way back, into some of the heads of (B, T, H hs).</summary>
    public void Join(Tensor pieces, Tensor packed, int first, int count) => Move(packed, pieces, first, count, toPacked: true);

    private void Move(Tensor packed, Tensor pieces, int first, int count, bool toPacked)
    {
        var size = (long)HeadSize * packed.element_size();
        var (width, whole, parts) = (packed.shape[2] * packed.element_size(), TensorMemory.AddressOf(packed), TensorMemory.AddressOf(pieces));
        OpenMp.For(Stretches.Count * Pieces * Tokens, (from, to) =>
        {
            for (var row = from; row < to; row++)
            {
                var (index, at) = Math.DivRem(row, Pieces * Tokens);
                var ((piece, token), stretch) = (Math.DivRem(at, Tokens), Stretches[index]);
                var inPacked = (byte*)whole + (stretch.Row + at) * width + first * size;
                var inPieces = (byte*)parts + (((long)piece * Stretches.Count + index) * count * Tokens + token) * size;
                for (var head = 0; head < count; head++, inPacked += size, inPieces += Tokens * size)
                {
                    if (toPacked && at < stretch.Tokens) Unsafe.CopyBlockUnaligned(inPacked, inPieces, (uint)size);
                    else if (at < stretch.Tokens) Unsafe.CopyBlockUnaligned(inPieces, inPacked, (uint)size);
                    else if (!toPacked) Unsafe.InitBlockUnaligned(inPieces, 0, (uint)size);
                }
            }
        });
    }
}
