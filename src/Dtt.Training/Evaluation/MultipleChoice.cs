using Dtt.Core.Runs;
using Dtt.Data.Text;
using Dtt.Training.Collectives;
using Dtt.Training.Model;
using Dtt.Training.Native;
using static TorchSharp.torch;

namespace Dtt.Training.Evaluation;

/// <summary>
/// Multiple choice by likelihood (HellaSwag, Zellers et al. 2019, arXiv:1905.07830): the model's answer is the ending whose tokens have the lowest loss after
/// the context, by their mean and by their sum. A question longer than the context loses its beginning; ranks share the questions.
/// </summary>
internal sealed class MultipleChoice(IReadOnlyList<ChoiceQuestion> questions, ICollective? collective = null)
{
    /// <summary>The share of right answers, 0–1.</summary>
    /// <param name="model">The model.</param>
    /// <param name="alive">Called before every question.</param>
    public IReadOnlyDictionary<string, double> Run(Gpt model, Action alive)
    {
        var (byMean, bySum) = (0, 0);
        for (var i = collective?.Rank ?? 0; i < questions.Count; i += collective?.WorldSize ?? 1)
        {
            alive();
            var losses = Losses(model, questions[i]);
            if (Least(losses.Select(l => l.Average())) == questions[i].Right) byMean++;
            if (Least(losses.Select(l => l.Sum())) == questions[i].Right) bySum++;
        }

        if (collective is not null)
        {
            using var scope = NewDisposeScope();
            var sums = tensor(new[] { (float)byMean, bySum }, device: model.Parameters.Master.device);
            collective.AllReduce(sums);
            (byMean, bySum) = ((int)Number.Of(sums[0]), (int)Number.Of(sums[1]));
        }

        return new Dictionary<string, double>
        {
            [MetricNames.ChoiceAccuracy] = (double)byMean / questions.Count,
            [MetricNames.ChoiceAccuracyBySum] = (double)bySum / questions.Count,
        };
    }

    /// <summary>The loss of every token of each ending, nats.</summary>
    private static List<float[]> Losses(Gpt model, ChoiceQuestion question)
    {
        using var scope = NewDisposeScope();
        var longest = model.Config.ContextLength + 1;
        var rows = question.Endings.Select(e => question.Context.Concat(e).TakeLast(longest).ToArray()).ToList();
        var t = rows.Max(r => r.Length) - 1;
        var (inputs, targets) = (new long[rows.Count * t], new long[rows.Count * t]);                      // 0 beyond a row's end: no token sees it
        foreach (var (i, row) in rows.Index())
        {
            for (var j = 0; j + 1 < row.Length; j++) (inputs[i * t + j], targets[i * t + j]) = (row[j], row[j + 1]);
        }

        var device = model.Parameters.Master.device;
        Tensor OnDevice(long[] ids) => tensor(ids, [rows.Count, t], dtype: ScalarType.Int64, device: device);
        var losses = model.TokenLosses(OnDevice(inputs), OnDevice(targets)).cpu();
        var all = losses.data<float>().ToArray();                                                          // (endings, T)
        return [.. rows.Select((row, i) =>
        {
            var ending = Math.Min(question.Endings[i].Length, row.Length - 1);
            return all.AsSpan(i * t + row.Length - 1 - ending, ending).ToArray();
        })];
    }

    private static int Least(IEnumerable<float> losses) => losses.Index().MinBy(l => l.Item).Index;
}
