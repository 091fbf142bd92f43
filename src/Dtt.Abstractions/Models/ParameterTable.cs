using Dtt.Abstractions.Configuration;

namespace Dtt.Abstractions.Models;

/// <summary>The weights of each architecture, in checkpoint order.</summary>
public static class ParameterTable
{
    private static readonly ParameterInit _zero = new(InitKind.Constant, 0);
    private static readonly ParameterInit _one = new(InitKind.Constant, 1);

    /// <summary>The weights of a model; tied ones once.</summary>
    public static IReadOnlyList<ParameterSpec> Of(ModelConfig model) => model.Architecture switch
    {
        "gpt2" => Gpt2(model),
        "dtt" => Dtt(model),
        _ => throw new ArgumentException($"there is no architecture '{model.Architecture}'.", nameof(model)),
    };

    /// <summary>
    /// GPT-2 (Radford et al. 2019): N(0, 0.02), the projections into the residual stream scaled by 1/√(2L), as Hugging Face's
    /// GPT2LMHeadModel starts them.
    /// </summary>
    private static List<ParameterSpec> Gpt2(ModelConfig m)
    {
        long c = m.ModelDim, mlp = m.MlpDim;
        var normal = new ParameterInit(InitKind.Normal, 0.02);
        var residual = new ParameterInit(InitKind.Normal, 0.02 / Math.Sqrt(2.0 * m.NumLayers));
        List<ParameterSpec> table = [new("transformer.wte.weight", [m.VocabSize, c], normal), new("transformer.wpe.weight", [m.ContextLength, c], normal)];
        for (var i = 0; i < m.NumLayers; i++)
        {
            var h = $"transformer.h.{i}.";
            table.AddRange([
                new(h + "ln_1.weight", [c], _one), new(h + "ln_1.bias", [c], _zero),
                new(h + "attn.c_attn.weight", [3 * c, c], normal), new(h + "attn.c_attn.bias", [3 * c], _zero),
                new(h + "attn.c_proj.weight", [c, c], residual), new(h + "attn.c_proj.bias", [c], _zero),
                new(h + "ln_2.weight", [c], _one), new(h + "ln_2.bias", [c], _zero),
                new(h + "mlp.c_fc.weight", [mlp, c], normal), new(h + "mlp.c_fc.bias", [mlp], _zero),
                new(h + "mlp.c_proj.weight", [c, mlp], residual), new(h + "mlp.c_proj.bias", [c], _zero),
            ]);
        }

        table.AddRange([new("transformer.ln_f.weight", [c], _one), new("transformer.ln_f.bias", [c], _zero)]);
        return table;
    }

    /// <summary>The Python DTT's model: no final norm, no query/key/value bias, a bias on the tied head, its own first values.</summary>
    private static List<ParameterSpec> Dtt(ModelConfig m)
    {
        long c = m.ModelDim, mlp = m.MlpDim;
        var narrow = new ParameterInit(InitKind.Normal, 1 / Math.Sqrt(c));
        var bias = new ParameterInit(InitKind.Uniform, 1 / Math.Sqrt(c));
        List<ParameterSpec> table =
        [
            new("transformer.wte.weight", [m.VocabSize, c], new(InitKind.Normal, 0.02)),
            new("transformer.wpe.weight", [m.ContextLength, c], new(InitKind.Normal, 1)),
        ];
        for (var i = 0; i < m.NumLayers; i++)
        {
            var h = $"transformer.h.{i}.";
            table.AddRange([
                new(h + "ln_1.weight", [c], _one), new(h + "ln_1.bias", [c], _zero),
                new(h + "attn.c_attn.weight", [3 * c, c], narrow),
                new(h + "attn.c_proj.weight", [c, c], narrow), new(h + "attn.c_proj.bias", [c], bias),
                new(h + "ln_2.weight", [c], _one), new(h + "ln_2.bias", [c], _zero),
                new(h + "mlp.c_fc.weight", [mlp, c], narrow), new(h + "mlp.c_fc.bias", [mlp], bias),
                new(h + "mlp.c_proj.weight", [c, mlp], new(InitKind.Normal, 1.57 / Math.Sqrt(mlp))), new(h + "mlp.c_proj.bias", [c], new(InitKind.Uniform, 1 / Math.Sqrt(mlp))),
            ]);
        }

        table.Add(new("lm_head.bias", [m.VocabSize], bias));
        return table;
    }
}
