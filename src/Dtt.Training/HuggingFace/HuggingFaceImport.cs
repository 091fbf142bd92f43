using Dtt.Core.Configuration;
using Dtt.Core.Errors;
using Dtt.Core.Models;
using Dtt.Core.Runs;
using Dtt.Data.Order;
using Dtt.Data.Tokenizers;
using Dtt.Training.Checkpoints;
using Dtt.Training.Model;
using Dtt.Training.Native;
using static TorchSharp.torch;

namespace Dtt.Training.HuggingFace;

/// <summary>Makes a run of a Hugging Face GPT-2 or Llama folder: complete, with one checkpoint, of step 0. It can be sampled, exported, and started from.</summary>
internal static class HuggingFaceImport
{
    /// <summary>Imports a folder.</summary>
    /// <param name="folder">Has <c>config.json</c>, <c>tokenizer.json</c>, and <c>model.safetensors</c> or its parts.</param>
    /// <param name="name">The run's name.</param>
    /// <returns>The run's name, numbered when it was taken, and its weights' hash.</returns>
    /// <exception cref="UserErrorException">The folder is of another kind, damaged, or its tokenizer is not one that DTT knows.</exception>
    public static (string Run, string WeightsSha256) Read(string folder, string name)
    {
        var shape = HuggingFaceConfig.Read(Path.Combine(folder, "config.json"));
        var vocabulary = TokenizerFolder.Load(folder);
        var overrides = shape.Append(KeyValuePair.Create("name", name)).Select(k => (k.Key, k.Value, Path.Combine(folder, "config.json")));
        var config = ConfigLoader.Load(null, overrides, TimeProvider.System);
        var model = config.Run.Model;
        if (vocabulary.Size != model.VocabSize)
            throw new BadDataException($"{folder}: its tokenizer has {vocabulary.Size:N0} ids and its config.json says {model.VocabSize:N0}; DTT needs the two to agree.");
        using var parameters = new FlatParameters(ParameterTable.Of(model), CPU, bf16: false, forTraining: false);
        ReadWeights(folder, model, parameters);

        var store = new FileRunStore(config.Paths.Runs, TimeProvider.System);
        var yaml = config.Values.ToYaml();
        var tokenizer = Path.Combine(Path.GetDirectoryName(config.Paths.Tokenizer)!, $"{name}-{vocabulary.Sha256[..8]}");
        if (!TokenizerFolder.Exists(tokenizer)) TokenizerFolder.Save(vocabulary, tokenizer);
        var run = store.Create(name, yaml, config.Paths with { Tokenizer = tokenizer }).Run;
        using var attempt = store.Begin(run);
        attempt.Started(0, new RunPlan(0, 0, 0), "imported");
        var checkpoint = Path.Combine(store.FolderOf(run), "checkpoints", CommittedCheckpoint.FolderNameOf(0, attempt.Attempt));
        var written = CheckpointFolder.Write(checkpoint, Manifest(run, attempt.Attempt, config.Run, vocabulary), [.. parameters.Named(parameters.Master)], state: null);
        attempt.Commit(new CommittedCheckpoint { Step = 0, Attempt = attempt.Attempt, ManifestSha256 = written.ManifestSha256, WeightsSha256 = written.WeightsSha256, SizeBytes = written.Bytes });
        attempt.Append("imported", $"from {Path.GetFullPath(folder)}");
        attempt.End(RunState.Completed, "imported");
        return (run, written.WeightsSha256);
    }

    private static void ReadWeights(string folder, ModelConfig model, FlatParameters parameters)
    {
        using var scope = NewDisposeScope();
        using var noGrad = no_grad();
        var files = SafetensorsSet.Open(folder);
        var views = HuggingFaceNames.Views(model, parameters).ToDictionary(v => v.Name, v => v.View, StringComparer.Ordinal);
        foreach (var (theirs, view) in views)
        {
            // The first GPT-2 checkpoints were saved without the head around them.
            var name = files.Names.Contains(theirs) ? theirs : theirs.StartsWith("transformer.", StringComparison.Ordinal) ? theirs["transformer.".Length..] : theirs;
            if (!files.Names.Contains(name)) throw new BadDataException($"{folder}: its files hold no '{theirs}', which this model has.");
            using var value = files.Read(name);
            if (!value.shape.SequenceEqual(view.shape)) throw new BadDataException($"{folder}: '{name}' is ({string.Join(", ", value.shape)}), and its config.json makes it ({string.Join(", ", view.shape)}).");
            view.copy_(value);
        }

        RequireTiedHead(folder, model, files, parameters);
        var known = views.Keys.Concat(views.Keys.Select(n => n.Replace("transformer.", "", StringComparison.Ordinal))).ToHashSet(StringComparer.Ordinal);
        if (files.Names.FirstOrDefault(n => !known.Contains(n) && !IsDerived(n)) is { } extra) throw new BadDataException($"{folder}: '{extra}' is in its files, and DTT's {model.Architecture} has no such weight.");
    }

    /// <summary>A head that is written beside a tied embedding must be the embedding.</summary>
    private static void RequireTiedHead(string folder, ModelConfig model, SafetensorsSet files, FlatParameters parameters)
    {
        if (!model.TieEmbeddings || !files.Names.Contains("lm_head.weight")) return;
        using var scope = NewDisposeScope();
        var head = files.Read("lm_head.weight");
        var embedding = parameters.ViewOf(parameters.First(ParameterRole.Vocabulary)!, parameters.Master);
        if (!head.shape.SequenceEqual(embedding.shape) || Number.Of(head.ne(embedding).any().to(ScalarType.Float32)) > 0)
            throw new BadDataException($"{folder}: its lm_head.weight is not its embedding, and DTT's {model.Architecture} has one matrix for both: this model cannot be imported.");
    }

    /// <summary>Buffers and tied copies that old checkpoints carry along.</summary>
    private static bool IsDerived(string name) => name == "lm_head.weight" || name.EndsWith(".attn.bias", StringComparison.Ordinal) || name.EndsWith(".attn.masked_bias", StringComparison.Ordinal) || name.EndsWith(".rotary_emb.inv_freq", StringComparison.Ordinal);

    private static CheckpointManifest Manifest(string run, int attempt, RunConfig config, Vocabulary vocabulary) => new()
    {
        Format = CheckpointManifest.CurrentFormat,
        Run = run,
        Attempt = attempt,
        Step = 0,
        Position = 0,
        OrderVersion = WindowOrder.Version,
        Seed = config.Seed,
        Model = config.Model,
        TokenizerSha256 = vocabulary.Sha256,
        Fingerprint = "imported",
        WeightsSha256 = "",
        Files = [],
    };
}
