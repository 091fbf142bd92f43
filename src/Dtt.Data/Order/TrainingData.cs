using Dtt.Core.Configuration;
using Dtt.Core.Errors;
using Dtt.Core.Runs;
using Dtt.Data.Tokenizers;
using Dtt.Data.Tokens;

namespace Dtt.Data.Order;

/// <summary>Tokens, tokenizer and configuration that fit each other, and the arithmetic of the run over them.</summary>
public sealed class TrainingData : IDisposable
{
    private TrainingData(Vocabulary vocabulary, IReadOnlyList<MixedDataset> datasets, MixturePlan mixture, RunPlan plan)
    {
        (Vocabulary, Datasets, Order, Plan) = (vocabulary, datasets, new MixtureOrder(mixture), plan);
        (Mixture, EpochWindows) = (mixture is { Datasets.Count: 1, Stages: [{ Windows: null }] } ? null : mixture, WindowsOf(mixture));
    }

    /// <summary>The tokenizer that made the tokens.</summary>
    public Vocabulary Vocabulary { get; }

    /// <summary>The datasets, in the order of their first mention.</summary>
    public IReadOnlyList<MixedDataset> Datasets { get; }

    /// <summary>The mixture; null where all is drawn from one dataset, as far as the run goes.</summary>
    public MixturePlan? Mixture { get; }

    /// <summary>Which dataset a position draws from.</summary>
    public MixtureOrder Order { get; }

    /// <summary>Windows that <c>epochs</c> multiplies: those of the mixture's stages, else of all datasets together.</summary>
    public long EpochWindows { get; }

    /// <summary>Steps and sizes of the run.</summary>
    public RunPlan Plan { get; }

    /// <summary>Which token data these are.</summary>
    public TokenIdentity Identity => TokenIdentity.Of([.. Datasets.Select(d => d.Index.Identity)]);

    /// <summary>The dataset and the window of it at a position of the run.</summary>
    public (MixedDataset Dataset, long Window) At(long position)
    {
        var (dataset, own) = Order.At(position);
        return (Datasets[dataset], Datasets[dataset].Window(own));
    }

    /// <summary>Opens and checks everything.</summary>
    /// <param name="tokensFolders">The token shards of each dataset.</param>
    /// <param name="tokenizerFolder">The tokenizer.</param>
    /// <param name="config">The run's configuration.</param>
    /// <param name="frozenGlobalBatch">Windows per step when an earlier attempt froze them, else 0.</param>
    /// <param name="worldSize">Ranks of the attempt.</param>
    /// <param name="alive">Called while shards are read, one call at a time; null: nobody is.</param>
    /// <exception cref="BadDataException">Something is missing, damaged, too small, or does not fit.</exception>
    public static TrainingData Open(
        IReadOnlyList<string> tokensFolders, string tokenizerFolder, RunConfig config, long frozenGlobalBatch, int worldSize = 1,
        Action? alive = null)
    {
        var indexes = tokensFolders.Select(TokenIndex.FindRequired).ToList();
        var vocabulary = TokenizerFolder.Load(tokenizerFolder);
        foreach (var (index, folder) in indexes.Zip(tokensFolders).Where(t => t.First.Source.TokenizerSha256 != vocabulary.Sha256))
        {
            throw new BadDataException($"the tokens in {folder} were made with another tokenizer ({index.Source.TokenizerSha256[..12]}) than the one in "
                + $"{tokenizerFolder} ({vocabulary.Sha256[..12]}). Move the tokens away and run `dtt tokenize` again, or restore the right tokenizer.");
        }

        if (vocabulary.Size != config.Model.VocabSize)
        {
            throw new BadDataException($"vocab_size is {config.Model.VocabSize:N0}, but the tokenizer in {tokenizerFolder} has {vocabulary.Size:N0} tokens. "
                + $"Set vocab_size: {vocabulary.Size}.");
        }

        var (datasets, names) = (new List<MixedDataset>(), config.DatasetNames);
        try
        {
            for (var i = 0; i < names.Count; i++)
                datasets.Add(new MixedDataset(names[i], tokensFolders[i], indexes[i], config, vocabulary.EndOfText, alive));
            var mixture = MixtureOrder.PlanOf(config, [.. datasets.Select(d => d.Windows.Count)]);
            var batch = frozenGlobalBatch > 0 ? frozenGlobalBatch : (long)config.MicroBatchSize * config.GradAccumulationSteps * worldSize;
            StepPlan.CheckWorld(config, batch, worldSize);
            return new TrainingData(vocabulary, datasets, mixture, StepPlan.Of(config, WindowsOf(mixture), batch));
        }
        catch
        {
            foreach (var dataset in datasets) dataset.Dispose();
            throw;
        }
    }

    /// <summary>Closes the shards.</summary>
    public void Dispose()
    {
        foreach (var dataset in Datasets) dataset.Dispose();
    }

    private static long WindowsOf(MixturePlan mixture) =>
        mixture.Stages is [{ Windows: null }] ? mixture.Datasets.Sum(d => d.Windows) : mixture.Stages.Sum(s => s.Windows!.Value);
}
