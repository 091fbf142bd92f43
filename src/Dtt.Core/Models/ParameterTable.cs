using Dtt.Core.Configuration;

namespace Dtt.Core.Models;

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
        "llama" => Llama(model),
        _ => throw new ArgumentException($"there is no architecture '{model.Architecture}'.", nameof(model)),
    };

    /// <summary>
    /// GPT-2 (Radford et al. 2019): N(0, 0.02), the projections into the residual stream scaled by 1/√(2L), as Hugging Face's
    /// GPT2LMHeadModel starts them.
    /// </summary>
    private static List<ParameterSpec> Gpt2(ModelConfig m)
    {
        long c = m.ModelDim, mlp = m.MlpDim;
        var (normal, residual) = (Normal, ResidualNormal(m));
        List<ParameterSpec> table = [Rows("transformer.wte.weight", m.VocabSize, c, normal), Positions(m, normal)];
        for (var i = 0; i < m.NumLayers; i++)
        {
            var h = $"transformer.h.{i}.";
            table.AddRange([
                Vector(h + "ln_1.weight", c, _one), Vector(h + "ln_1.bias", c, _zero),
                Matrix(h + "attn.c_attn.weight", c, normal, c, c, c), Vector(h + "attn.c_attn.bias", 3 * c, _zero),
                Matrix(h + "attn.c_proj.weight", c, residual, c), Vector(h + "attn.c_proj.bias", c, _zero),
                Vector(h + "ln_2.weight", c, _one), Vector(h + "ln_2.bias", c, _zero),
                Matrix(h + "mlp.c_fc.weight", c, normal, mlp), Vector(h + "mlp.c_fc.bias", mlp, _zero),
                Matrix(h + "mlp.c_proj.weight", mlp, residual, c), Vector(h + "mlp.c_proj.bias", c, _zero),
            ]);
        }

        table.AddRange([Vector("transformer.ln_f.weight", c, _one), Vector("transformer.ln_f.bias", c, _zero)]);
        return table;
    }

    /// <summary>The Python DTT's model: no final norm, no query/key/value bias, a bias on the tied head, its own first values.</summary>
    private static List<ParameterSpec> Dtt(ModelConfig m)
    {
        long c = m.ModelDim, mlp = m.MlpDim;
        var narrow = new ParameterInit(InitKind.Normal, 1 / Math.Sqrt(c));
        var bias = new ParameterInit(InitKind.Uniform, 1 / Math.Sqrt(c));
        List<ParameterSpec> table = [Rows("transformer.wte.weight", m.VocabSize, c, Normal), Positions(m, new(InitKind.Normal, 1))];
        for (var i = 0; i < m.NumLayers; i++)
        {
            var h = $"transformer.h.{i}.";
            table.AddRange([
                Vector(h + "ln_1.weight", c, _one), Vector(h + "ln_1.bias", c, _zero),
                Matrix(h + "attn.c_attn.weight", c, narrow, c, c, c),
                Matrix(h + "attn.c_proj.weight", c, narrow, c), Vector(h + "attn.c_proj.bias", c, bias),
                Vector(h + "ln_2.weight", c, _one), Vector(h + "ln_2.bias", c, _zero),
                Matrix(h + "mlp.c_fc.weight", c, narrow, mlp), Vector(h + "mlp.c_fc.bias", mlp, bias),
                Matrix(h + "mlp.c_proj.weight", mlp, new(InitKind.Normal, 1.57 / Math.Sqrt(mlp)), c), Vector(h + "mlp.c_proj.bias", c, new(InitKind.Uniform, 1 / Math.Sqrt(mlp))),
            ]);
        }

        table.Add(new("lm_head.bias", [m.VocabSize], bias, ParameterRole.Vocabulary));
        return table;
    }

    /// <summary>
    /// Llama (Touvron et al. 2023, arXiv:2302.13971; grouped queries: arXiv:2307.09288): no biases, starting as GPT-2 does. Query, key and value are one matrix here, and so are
    /// gate and up.
    /// </summary>
    private static List<ParameterSpec> Llama(ModelConfig m)
    {
        long c = m.ModelDim, mlp = m.MlpDim, kv = m.NumKvHeads * m.HeadDim;
        var (normal, residual) = (Normal, ResidualNormal(m));
        List<ParameterSpec> table = [Rows("model.embed_tokens.weight", m.VocabSize, c, normal)];
        for (var i = 0; i < m.NumLayers; i++)
        {
            var h = $"model.layers.{i}.";
            table.AddRange([
                Vector(h + "input_layernorm.weight", c, _one),
                Matrix(h + "self_attn.qkv_proj.weight", c, normal, c, kv, kv), Matrix(h + "self_attn.o_proj.weight", c, residual, c),
                Vector(h + "post_attention_layernorm.weight", c, _one),
                Matrix(h + "mlp.gate_up_proj.weight", c, normal, mlp, mlp), Matrix(h + "mlp.down_proj.weight", mlp, residual, c),
            ]);
        }

        table.Add(Vector("model.norm.weight", c, _one));
        if (!m.TieEmbeddings) table.Add(Rows("lm_head.weight", m.VocabSize, c, normal));
        return table;
    }

    private static ParameterInit Normal => new(InitKind.Normal, 0.02);

    private static ParameterInit ResidualNormal(ModelConfig m) => new(InitKind.Normal, 0.02 / Math.Sqrt(2.0 * m.NumLayers));

    private static ParameterSpec Rows(string name, long ids, long width, ParameterInit init) => new(name, [ids, width], init, ParameterRole.Vocabulary);

    private static ParameterSpec Positions(ModelConfig m, ParameterInit init) => new("transformer.wpe.weight", [m.ContextLength, m.ModelDim], init, ParameterRole.Position);

    private static ParameterSpec Matrix(string name, long width, ParameterInit init, params long[] parts) => new(name, [parts.Sum(), width], init, ParameterRole.Hidden) { Parts = parts };

    private static ParameterSpec Vector(string name, long length, ParameterInit init) => new(name, [length], init, ParameterRole.Vector);
}
