using Dtt.Core.Configuration;
using Dtt.Core.Errors;
using Dtt.Data.Datasets;
using Dtt.Data.Order;
using Dtt.Data.Text;
using Dtt.Data.Tokens;

namespace Dtt.Cli.Commands;

/// <summary>The data that a new run is to train on.</summary>
internal static class ConfiguredData
{
    /// <summary>Opens and checks the data; they must be of the text that the configuration names.</summary>
    /// <exception cref="BadDataException">Something is missing, damaged, too small, or does not fit.</exception>
    /// <exception cref="ConfigurationException">There is no such dataset.</exception>
    public static TrainingData Open(LoadedConfig config)
    {
        foreach (var each in config.EachDataset.Where(c => TokenIndex.Find(c.Paths.Tokens) is null))
            _ = DatasetLoader.Load(each, TextStream.Open, _ => { });
        var ranks = config.Run.RanksPerNode * Math.Max(1, config.Run.Nodes);
        var data = TrainingData.Open([.. config.EachDataset.Select(c => c.Paths.Tokens)], config.Paths.Tokenizer, config.Run, frozenGlobalBatch: 0, ranks);
        try
        {
            foreach (var (each, tokens) in config.EachDataset.Zip(data.Datasets))
            {
                if (DatasetLoader.Find(each, TextStream.Open, _ => { }) is { } dataset)
                    RawDataset.RequireTokensOf(dataset, each.Paths.Raw, tokens.Index.Source);
            }

            return data;
        }
        catch
        {
            data.Dispose();
            throw;
        }
    }
}
