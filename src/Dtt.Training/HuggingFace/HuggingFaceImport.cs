using Dtt.Core.Configuration;
using Dtt.Core.Errors;
using Dtt.Core.Models;
using Dtt.Core.Ranks;
using Dtt.Core.Runs;
using Dtt.Data.Tokenizers;
using Dtt.Training.Checkpoints;
using Dtt.Training.Model;
using Dtt.Training.Native;
using Dtt.Training.Standalone;
using static TorchSharp.torch;

namespace Dtt.Training.HuggingFace;

/// <summary>Makes a run of a Hugging Face folder: complete, with one checkpoint, of step 0. It can be sampled, exported, and started from.</summary>
internal static class HuggingFaceImport
{
    /// <summary>Imports a folder.</summary>
    /// <param name="spec">The folder has <c>config.json</c>, <c>tokenizer.json</c>, and <c>model.safetensors</c> or its parts.</param>
    /// <exception cref="UserErrorException">The folder is of another kind, damaged, or its tokenizer is not one that DTT knows.</exception>
    public static ImportResult Read(ImportSpec spec)
    {
        var (folder, file) = (spec.Folder, Path.Combine(spec.Folder, "config.json"));
        var reader = new ConfigReader(RunKeys.All);
        foreach (var (key, value) in HuggingFaceConfig.Read(file).Append(KeyValuePair.Create("name", spec.Name))) reader.SetFromCommandLine(key, value, file);
        ConfigLoader.CheckTogether(reader.Values, reader.Errors);
        reader.ThrowIfWrong();
        var vocabulary = TokenizerFolder.Load(folder);
        var config = RunConfig.From(reader.Values);
        if (vocabulary.Size != config.Model.VocabSize)
        {
            throw new BadDataException($"{folder}: its tokenizer has {vocabulary.Size:N0} ids and its config.json says {config.Model.VocabSize:N0}; "
                + "DTT needs the two to agree.");
        }

        TorchRuntime.Load();
        using var parameters = new FlatParameters(ParameterTable.Of(config.Model), CPU, bf16: false, forTraining: false);
        ReadWeights(folder, config.Model, parameters);

        var tokenizer = Path.Combine(spec.TokenizersFolder, $"{spec.Name}-{vocabulary.Sha256[..8]}");
        if (!TokenizerFolder.Exists(tokenizer)) TokenizerFolder.Save(vocabulary, tokenizer);
        var request = new RunRequest
        {
            ConfigYaml = reader.Values.ToYaml(),
            TokensFolder = "",
            TokenizerFolder = tokenizer,
            Environment = new Dictionary<string, string>(),
        };
        using var run = StandaloneRun.Create(spec.RunsFolder, request, TimeProvider.System);
        var attempt = run.BeginAttempt().Attempt;
        run.Report(new RankStarted
        {
            FromStep = 0,
            InitialWeights = $"the weights in {folder}",
            Plan = new RunPlan(0, 0, 0),
            Fingerprint = "imported",
            Parameters = parameters.Table.Sum(p => p.Count),
            Device = "cpu, fp32",
        });
        run.Report(new RankEvent(EventKinds.Imported, $"from {folder}"));
        var origin = new CheckpointOrigin(run.Layout.Run, attempt, config.Seed, config.Model, vocabulary.Sha256, "imported", WindowsPerStep: 0);
        var target = run.Layout.Checkpoint(WrittenCheckpoint.FolderNameOf(0, attempt));
        var written = CheckpointFolder.Write(target, origin.ManifestAt(0), [.. parameters.Named(parameters.Master)], state: null);
        if (run.Commit(written) is { Accepted: false } refused) throw new UserErrorException($"the imported weights could not be committed: {refused.Reason}.");
        run.End(new RankFinished(0, Completed: true));
        return new ImportResult(run.Layout.Folder, written.WeightsSha256);
    }

    private static void ReadWeights(string folder, ModelConfig model, FlatParameters parameters)
    {
        using var scope = NewDisposeScope();
        using var noGrad = no_grad();
        var files = SafetensorsSet.Open(folder);
        var theirs = model.Spec.HuggingFace!;
        string Bare(string name) => name.StartsWith(theirs.OptionalPrefix, StringComparison.Ordinal) ? name[theirs.OptionalPrefix.Length..] : name;
        var views = HuggingFaceNames.Views(model, parameters).ToDictionary(v => v.Name, v => v.View, StringComparer.Ordinal);
        foreach (var (full, view) in views)
        {
            var name = files.Names.Contains(full) ? full : Bare(full);
            if (!files.Names.Contains(name)) throw new BadDataException($"{folder}: its files hold no '{full}', which this model has.");
            using var value = files.Read(name);
            if (!value.shape.SequenceEqual(view.shape))
            {
                throw new BadDataException($"{folder}: '{name}' is ({string.Join(", ", value.shape)}), "
                    + $"and by its config.json it should be ({string.Join(", ", view.shape)}).");
            }

            view.copy_(value);
        }

        RequireTiedHead(folder, model, files, parameters);
        var known = views.Keys.Concat(views.Keys.Select(Bare)).ToHashSet(StringComparer.Ordinal);
        bool IsKnown(string name) => known.Contains(name) || name == Head(model) || theirs.Derived.Any(d => name.EndsWith(d, StringComparison.Ordinal));
        if (files.Names.FirstOrDefault(n => !IsKnown(n)) is { } extra)
            throw new BadDataException($"{folder}: '{extra}' is in its files, and DTT's {model.Architecture} has no such weight.");
    }

    /// <summary>A head that is written beside a tied embedding must be the embedding.</summary>
    private static void RequireTiedHead(string folder, ModelConfig model, SafetensorsSet files, FlatParameters parameters)
    {
        if (!model.TieEmbeddings || !files.Names.Contains(Head(model))) return;
        using var scope = NewDisposeScope();
        var head = files.Read(Head(model));
        var embedding = parameters.ViewOf(parameters.Table.Tokens.Name, parameters.Master);
        if (!head.shape.SequenceEqual(embedding.shape) || Number.Of(head.ne(embedding).any().to(ScalarType.Float32)) > 0)
        {
            throw new BadDataException($"{folder}: its {Head(model)} is not its embedding, and DTT's {model.Architecture} has one matrix for both: "
                + "this model cannot be imported.");
        }
    }

    /// <summary>Old checkpoints carry it also where it is the embedding.</summary>
    private static string Head(ModelConfig model) => model.Spec.Names.Head + ".weight";
}
