using Dtt.Core.Configuration;
using static TorchSharp.torch;

namespace Dtt.Training.Model;

/// <summary>
/// Rotary position embedding (Su et al. 2021, arXiv:2104.09864): the pair (i, i + hs/2) of a head is rotated by position · θ^(−2i/hs). Pairs are halves apart,
/// as in Hugging Face's Llama.
/// </summary>
internal sealed class Rotary
{
    private readonly Tensor _cosine, _sine;   // (T, hs/2) each

    public Rotary(ModelConfig config, ScalarType type, Device device)
    {
        var (t, half) = (config.ContextLength, config.HeadDim / 2);
        var (cosine, sine) = (new float[t * half], new float[t * half]);
        for (var position = 0; position < t; position++)
        {
            var row = (position * half)..((position + 1) * half);
            Angles(config, position, cosine.AsSpan(row), sine.AsSpan(row));
        }

        Tensor Table(float[] values)
        {
            using var scope = NewDisposeScope();
            return tensor(values, [t, half]).to(type).to(device).DetachFromDisposeScope();
        }

        (_cosine, _sine) = (Table(cosine), Table(sine));
    }

    /// <summary>(hs/2) each: cosine and sine of a position's angles.</summary>
    public static void Angles(ModelConfig config, int position, Span<float> cosine, Span<float> sine)
    {
        for (var i = 0; i < cosine.Length; i++)
            (sine[i], cosine[i]) = ((float, float))Math.SinCos(position * Math.Pow(config.RopeTheta, -2.0 * i / config.HeadDim));
    }

    /// <summary>(B, nh, T, hs) → (B, nh, T, hs), the first token standing at <paramref name="position"/>.</summary>
    public Tensor Rotate(Tensor x, long position)
    {
        var (t, half) = (x.shape[2], x.shape[3] / 2);
        var (cosine, sine) = (_cosine.narrow(0, position, t), _sine.narrow(0, position, t));
        var (first, second) = (x.narrow(3, 0, half), x.narrow(3, half, half));
        return cat([first.mul(cosine).add_(second.mul(sine), Native.Number.MinusOne), second.mul(cosine).add_(first.mul(sine), Native.Number.One)], 3);
    }
}
